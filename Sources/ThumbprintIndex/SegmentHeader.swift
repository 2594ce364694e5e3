import Foundation
import ThumbprintCodes

/// What a segment knows of itself: shapes, and statistics by which the planner chooses.
struct SegmentHeader: Codable, Sendable, Hashable {
  static let currentVersion = 2

  var version = SegmentHeader.currentVersion
  var rowCount: Int
  /// Rows in the tables: those that were not deleted when the index was built.
  var liveRowCount: Int
  var tableCount: Int
  var keyBitCount: Int
  /// Ties the index to the permutation of its rows.
  var permutationSeed: UInt64
  /// 0 where rows stand in their own order.
  var clusterCount: Int
  /// Distances between rows drawn at random: ``SampleStatistics/quantileCount`` quantiles.
  var strangerDistances: [Int]
  /// Distances of sampled rows to their tenth nearest: as many quantiles.
  var neighbourDistances: [Int]
  /// What a recall promise may leave out; nothing was measured for version 1.
  var calibration: RecallCalibration

  /// Bits of a key: about 32 rows to a bucket. The longer the key, the rarer a collision of far
  /// codes and the less far tables can certify; so from a million rows on buckets grow instead.
  static func keyBitCount(rowCount: Int) -> Int {
    let log = Int(log2(Double(max(rowCount, 2))).rounded())
    return log > 21 ? 16 : min(15, max(11, log - 5))
  }

  var bucketCount: Int { 1 << keyBitCount }

  func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return try encoder.encode(self)
  }

  /// Reads a header and checks every number that a search relies on.
  init(
    decoding bytes: UnsafeRawBufferPointer, rowCount: Int, permutation: BitPermutation
  ) throws(SegmentError) {
    func fail(_ message: String) -> SegmentError { SegmentError(piece: .header, message: message) }
    let header: SegmentHeader
    do {
      header = try JSONDecoder().decode(SegmentHeader.self, from: Data(bytes))
    } catch {
      throw fail("the header is not the JSON it should be")
    }
    guard (1...Self.currentVersion).contains(header.version) else {
      throw fail(
        "version \(header.version) of the index; this program reads 1 to \(Self.currentVersion)")
    }
    guard header.rowCount == rowCount else {
      throw fail("an index of \(header.rowCount) rows beside \(rowCount) rows")
    }
    guard header.permutationSeed == permutation.seed else {
      throw fail("the index belongs to codes permuted otherwise")
    }
    guard IndexProfile.tableCounts.contains(header.tableCount),
      (8...20).contains(header.keyBitCount), (0...rowCount).contains(header.liveRowCount),
      (0...65536).contains(header.clusterCount)
    else { throw fail("a count is out of its range") }
    let lists = [header.strangerDistances, header.neighbourDistances]
    guard
      lists.allSatisfy({ $0.allSatisfy((0...FeatureCode.bitCount).contains) }),
      lists.allSatisfy({ $0.count <= SampleStatistics.quantileCount }),
      header.calibration.isSound
    else { throw fail("a statistic is out of its range") }
    self = header
  }

  init(
    rowCount: Int, liveRowCount: Int, tableCount: Int, keyBitCount: Int, permutationSeed: UInt64,
    clusterCount: Int, statistics: SampleStatistics,
    calibration: RecallCalibration
  ) {
    self.rowCount = rowCount
    self.liveRowCount = liveRowCount
    self.tableCount = tableCount
    self.keyBitCount = keyBitCount
    self.permutationSeed = permutationSeed
    self.clusterCount = clusterCount
    strangerDistances = statistics.strangerDistances
    neighbourDistances = statistics.neighbourDistances
    self.calibration = calibration
  }
}

extension SegmentHeader {
  /// Reads version 1 too, which had gaps of clusters in another form, and no other calibration.
  init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    version = try values.decode(Int.self, forKey: .version)
    rowCount = try values.decode(Int.self, forKey: .rowCount)
    liveRowCount = try values.decode(Int.self, forKey: .liveRowCount)
    tableCount = try values.decode(Int.self, forKey: .tableCount)
    keyBitCount = try values.decode(Int.self, forKey: .keyBitCount)
    permutationSeed = try values.decode(UInt64.self, forKey: .permutationSeed)
    clusterCount = try values.decode(Int.self, forKey: .clusterCount)
    strangerDistances = try values.decode([Int].self, forKey: .strangerDistances)
    neighbourDistances = try values.decode([Int].self, forKey: .neighbourDistances)
    calibration =
      version == 1
      ? .unmeasured : try values.decode(RecallCalibration.self, forKey: .calibration)
  }
}
