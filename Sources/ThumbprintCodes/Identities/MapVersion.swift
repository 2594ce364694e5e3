/// The version of a cluster map; each change makes a greater one, and 0 comes before the first.
public struct MapVersion: RawRepresentable, Hashable, Comparable, Sendable {
  public var rawValue: UInt64

  public init(rawValue: UInt64) { self.rawValue = rawValue }

  public init(_ value: UInt64) { rawValue = value }

  public static func < (a: MapVersion, b: MapVersion) -> Bool { a.rawValue < b.rawValue }
}

extension MapVersion: CustomStringConvertible {
  public var description: String { String(rawValue) }
}

extension MapVersion: Codable {
  public init(from decoder: any Decoder) throws {
    rawValue = try decoder.singleValueContainer().decode(UInt64.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(rawValue)
  }
}
