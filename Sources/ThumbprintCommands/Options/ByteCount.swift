import ArgumentParser

/// A number of bytes as people write it: `1000000`, `16MiB`, `2GB`.
package struct ByteCount: ExpressibleByArgument, Sendable, Hashable {
  package var count: Int

  package init(count: Int) { self.count = count }

  package var defaultValueDescription: String { String(count) }

  private static let units: [(name: String, count: Int)] = [
    ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("kB", 1_000),
    ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("B", 1),
  ]

  package init?(argument: String) {
    let unit = Self.units.first { argument.hasSuffix($0.name) }
    guard let number = Int(argument.dropLast(unit?.name.count ?? 0)), number >= 0 else {
      return nil
    }
    let (count, overflow) = number.multipliedReportingOverflow(by: unit?.count ?? 1)
    if overflow { return nil }
    self.count = count
  }
}
