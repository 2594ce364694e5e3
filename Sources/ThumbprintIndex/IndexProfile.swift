import ThumbprintCodes

/// How much index a segment carries.
public struct IndexProfile: Sendable, Hashable, Codable {
  /// Hash tables: 128 (about one code size of index), 64 (half of that) or 0 (sketches alone).
  public var tableCount: Int

  public init(tableCount: Int) {
    self.tableCount = tableCount
  }

  public static let standard = IndexProfile(tableCount: 128)
  public static let small = IndexProfile(tableCount: 64)
  public static let sketchesOnly = IndexProfile(tableCount: 0)

  /// The values that ``tableCount`` may have.
  public static let tableCounts = [0, 64, 128]

  /// Fewer rows than this are searched without tables.
  public static let rowCountMin = 4096
  /// The most rows of one segment.
  public static let rowCountMax = 1 << 22
}

/// Names one piece of the stored index of a segment.
public struct SegmentPieceKey: RawRepresentable, Hashable, Comparable, Sendable {
  public var rawValue: UInt32

  public init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// Counts, table shapes, statistics; always there.
  public static let header = SegmentPieceKey(rawValue: 0)
  /// The row at every position, where rows are kept in cluster order.
  public static let order = SegmentPieceKey(rawValue: 1)
  /// Cluster centres and where each cluster begins.
  public static let clusters = SegmentPieceKey(rawValue: 2)

  private static let firstTable: UInt32 = 16

  public static func table(_ number: Int) -> SegmentPieceKey {
    SegmentPieceKey(rawValue: firstTable + UInt32(number))
  }

  var isTable: Bool { rawValue >= Self.firstTable }

  public static func < (a: SegmentPieceKey, b: SegmentPieceKey) -> Bool {
    a.rawValue < b.rawValue
  }
}
