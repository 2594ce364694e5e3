import ArgumentParser
import ThumbprintCodes
import ThumbprintStorage

struct DeleteCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "delete",
    abstract: "Delete records by their ids.",
    discussion: """
      Ids without a record are counted, not refused. The deletion is on the disk when
      the command ends; in a cluster on the disks of all replicas in sync.

      Examples:
        thumbprint delete --collection photos 17 18
        thumbprint delete --collection photos --ids old.npy
      """)

  @Argument(help: ArgumentHelp("Ids of the records.", valueName: "id"))
  var ids: [UInt64] = []

  @Option(
    name: .customLong("ids"),
    help: ArgumentHelp("More ids: an array of uint64 or int64.", valueName: "file.npy"),
    completion: .file(extensions: ["npy"]))
  var file: String?

  @OptionGroup var collection: CollectionOptions
  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    if ids.isEmpty, file == nil {
      throw ValidationError("nothing to delete: give ids, or --ids FILE")
    }
  }

  mutating func run() throws {
    let all = ids.map { ItemID($0) } + (try file.map(Self.read) ?? [])
    var report = DeletionReport(deleted: 0, absent: 0)
    try collection.with(.readWrite) { collection in
      for start in stride(from: 0, to: all.count, by: Self.batchCount) {
        let counts = try collection.delete(
          Array(all[start..<min(start + Self.batchCount, all.count)]))
        report.deleted += counts.deleted
        report.absent += counts.absent
      }
    }
    if output.json { return try Console.write(json: report) }
    let absent = report.absent > 0 ? ", \(Text.grouped(report.absent)) not there" : ""
    try Console.write("deleted \(Text.count(report.deleted, "record"))\(absent)\n")
  }

  /// Ids deleted in one transaction.
  private static let batchCount = 65_536

  private static func read(_ path: String) throws -> [ItemID] {
    let array = try CommandError.naming("--ids") {
      try NumpyArray(path: path, expecting: [.uint64, .int64], shape: [nil])
    }
    return try array.withUnsafeBytes { bytes in
      try (0..<array.rowCount).map { row in
        let value = UInt64(
          littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * row, as: UInt64.self))
        guard array.elementType == .uint64 || value <= UInt64(Int64.max) else {
          throw CommandError(
            .badData, "--ids: \(path): row \(row) is \(Int64(bitPattern: value)), below 0")
        }
        return ItemID(value)
      }
    }
  }
}

private struct DeletionReport: Encodable {
  var deleted: Int
  var absent: Int
}
