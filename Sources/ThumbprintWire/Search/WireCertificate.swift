enum CertificateLayout: WireLayout {
  static let name: StaticString = "certificate"
  static let missProbability = WireField("miss probability", 0, 8)
  static let radius = WireField("radius", 8, 8)
  static let rowCount = WireField("row count", 16, 8)
  static let codesCompared = WireField("codes compared", 24, 8)
  static let sketchesRead = WireField("sketches read", 32, 8)
  static let bucketsProbed = WireField("buckets probed", 40, 8)
  static let postingsRead = WireField("postings read", 48, 8)
  static let excludedByTables = WireField("excluded by tables", 56, 8)
  static let excludedBySketches = WireField("excluded by sketches", 64, 8)
  static let excludedByClusters = WireField("excluded by clusters", 72, 8)
  static let predictedNanoseconds = WireField("predicted nanoseconds", 80, 8)
  static let segmentsByTables = WireField("segments by tables", 88, 4)
  static let segmentsBySketches = WireField("segments by sketches", 92, 4)
  static let segmentsByClusters = WireField("segments by clusters", 96, 4)
  static let segmentsByScan = WireField("segments by scan", 100, 4)
  static let byteCount = 104
  static var fields: [WireField] {
    [
      missProbability, radius, rowCount, codesCompared, sketchesRead, bucketsProbed,
      postingsRead, excludedByTables, excludedBySketches, excludedByClusters,
      predictedNanoseconds, segmentsByTables, segmentsBySketches, segmentsByClusters,
      segmentsByScan,
    ]
  }
}

/// What was proved about an answer, and what it cost.
public struct WireCertificate: Sendable, Hashable {
  /// The chance that a true answer is missing; 0 when the search was exact.
  public var missProbability = 0.0
  /// Every code nearer than this is in the answer, with the chance above.
  public var radius: UInt64 = 0
  public var rowCount: UInt64 = 0
  public var codesCompared: UInt64 = 0
  public var sketchesRead: UInt64 = 0
  public var bucketsProbed: UInt64 = 0
  public var postingsRead: UInt64 = 0
  public var excludedByTables: UInt64 = 0
  public var excludedBySketches: UInt64 = 0
  public var excludedByClusters: UInt64 = 0
  /// What the search was expected to cost, in nanoseconds of one thread.
  public var predictedNanoseconds = 0.0
  /// Segments searched by each arm.
  public var segmentsByTables: UInt32 = 0
  public var segmentsBySketches: UInt32 = 0
  public var segmentsByClusters: UInt32 = 0
  public var segmentsByScan: UInt32 = 0

  public init() {}

  /// Joins what is known about other rows of the same collection.
  public mutating func merge(_ other: WireCertificate) {
    missProbability = min(1, missProbability + other.missProbability)
    radius =
      rowCount == 0 ? other.radius : other.rowCount == 0 ? radius : min(radius, other.radius)
    rowCount += other.rowCount
    codesCompared += other.codesCompared
    sketchesRead += other.sketchesRead
    bucketsProbed += other.bucketsProbed
    postingsRead += other.postingsRead
    excludedByTables += other.excludedByTables
    excludedBySketches += other.excludedBySketches
    excludedByClusters += other.excludedByClusters
    predictedNanoseconds += other.predictedNanoseconds
    segmentsByTables &+= other.segmentsByTables
    segmentsBySketches &+= other.segmentsBySketches
    segmentsByClusters &+= other.segmentsByClusters
    segmentsByScan &+= other.segmentsByScan
  }

  /// Counts the work of a search that only looked for a bound: it proves nothing.
  public mutating func add(costsOf probe: WireCertificate) {
    codesCompared += probe.codesCompared
    sketchesRead += probe.sketchesRead
    bucketsProbed += probe.bucketsProbed
    postingsRead += probe.postingsRead
    predictedNanoseconds += probe.predictedNanoseconds
  }

  func write(to writer: inout WireWriter) {
    typealias Layout = CertificateLayout
    writer.begin(Layout.self)
    writer.set(Layout.missProbability, missProbability.bitPattern)
    writer.set(Layout.radius, radius)
    writer.set(Layout.rowCount, rowCount)
    writer.set(Layout.codesCompared, codesCompared)
    writer.set(Layout.sketchesRead, sketchesRead)
    writer.set(Layout.bucketsProbed, bucketsProbed)
    writer.set(Layout.postingsRead, postingsRead)
    writer.set(Layout.excludedByTables, excludedByTables)
    writer.set(Layout.excludedBySketches, excludedBySketches)
    writer.set(Layout.excludedByClusters, excludedByClusters)
    writer.set(Layout.predictedNanoseconds, predictedNanoseconds.bitPattern)
    writer.set(Layout.segmentsByTables, segmentsByTables)
    writer.set(Layout.segmentsBySketches, segmentsBySketches)
    writer.set(Layout.segmentsByClusters, segmentsByClusters)
    writer.set(Layout.segmentsByScan, segmentsByScan)
  }

  init(_ reader: inout WireReader) throws(ServiceError) {
    typealias Layout = CertificateLayout
    try reader.begin(Layout.self)
    missProbability = try Self.number(reader, Layout.missProbability, most: 1)
    predictedNanoseconds = try Self.number(
      reader, Layout.predictedNanoseconds, most: .greatestFiniteMagnitude)
    // Counts of rows and the like: no sum of a thousand of them leaves the range of Int.
    let bounds: ClosedRange<UInt64> = 0...1 << 52
    radius = try reader.get(Layout.radius, in: bounds)
    rowCount = try reader.get(Layout.rowCount, in: bounds)
    codesCompared = try reader.get(Layout.codesCompared, in: bounds)
    sketchesRead = try reader.get(Layout.sketchesRead, in: bounds)
    bucketsProbed = try reader.get(Layout.bucketsProbed, in: bounds)
    postingsRead = try reader.get(Layout.postingsRead, in: bounds)
    excludedByTables = try reader.get(Layout.excludedByTables, in: bounds)
    excludedBySketches = try reader.get(Layout.excludedBySketches, in: bounds)
    excludedByClusters = try reader.get(Layout.excludedByClusters, in: bounds)
    segmentsByTables = reader.get(Layout.segmentsByTables)
    segmentsBySketches = reader.get(Layout.segmentsBySketches)
    segmentsByClusters = reader.get(Layout.segmentsByClusters)
    segmentsByScan = reader.get(Layout.segmentsByScan)
  }

  private static func number(
    _ reader: WireReader, _ field: WireField, most: Double
  ) throws(ServiceError) -> Double {
    let value = Double(bitPattern: reader.get(field))
    guard value >= 0, value <= most, value.sign == .plus else {
      throw reader.wrong(field, "a number in 0...\(most)", found: value)
    }
    return value
  }
}
