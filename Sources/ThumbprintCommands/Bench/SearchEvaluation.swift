import CXXHash
import ThumbprintCodes
import ThumbprintIndex

/// How good answers are, and a number that any other run with the same answers shares.
package enum SearchEvaluation {
  /// The share of returned answers that are as near as the true ones, over what there was to
  /// return: distance-based recall, which does not depend on how ties are broken.
  ///
  /// - Parameter truth: The true answers, nearest first.
  package static func recall(of matches: [SearchMatch], truth: [SearchMatch]) -> Double {
    guard let farthest = truth.last?.distance else { return 1 }
    let good = matches.prefix(truth.count).count { $0.distance <= farthest }
    return Double(good) / Double(truth.count)
  }

  /// XXH3-64 of all answers in order: of each query the number of answers (u32), of each answer
  /// distance (u32) and id (u64), little-endian.
  package static func checksum(of answers: [[SearchMatch]]) -> UInt64 {
    var bytes: [UInt8] = []
    func append(_ value: some FixedWidthInteger) {
      withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    for matches in answers {
      append(UInt32(matches.count))
      for match in matches {
        append(UInt32(match.distance))
        append(match.id.rawValue)
      }
    }
    return bytes.withUnsafeBytes { XXH3_64bits($0.baseAddress, $0.count) }
  }
}
