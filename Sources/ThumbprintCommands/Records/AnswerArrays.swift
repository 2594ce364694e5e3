import Foundation
import ThumbprintCodes
import ThumbprintIndex

/// Answers as two arrays that any tool opens: `ids.npy` (queries × k, uint64) and
/// `distances.npy` (queries × k, uint16). Where a query has fewer than k answers, the rest of
/// its row holds the largest value of the type.
package final class AnswerArrays {
  private let k: Int
  private let ids: NumpyWriter
  private let distances: NumpyWriter

  /// Starts both files in `folder`, which is made if it is not there.
  package init(folder: String, k: Int) throws {
    self.k = k
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw CommandError(
        .inputOutput, "--out: cannot make the folder '\(folder)'", cause: "\(error)")
    }
    ids = try NumpyWriter(path: folder + "/ids.npy", elementType: .uint64, rowShape: [k])
    distances = try NumpyWriter(
      path: folder + "/distances.npy", elementType: .uint16, rowShape: [k])
  }

  /// Appends the answers of the next query, at most k.
  package func append(_ matches: [SearchMatch]) throws {
    precondition(matches.count <= k, "\(matches.count) answers for \(k) columns")
    let padding = k - matches.count
    let idRow =
      matches.map(\.id.rawValue.littleEndian) + Array(repeating: UInt64.max, count: padding)
    let distanceRow =
      matches.map { UInt16($0.distance).littleEndian }
      + Array(repeating: UInt16.max, count: padding)
    try idRow.withUnsafeBytes { try ids.append(rows: $0) }
    try distanceRow.withUnsafeBytes { try distances.append(rows: $0) }
  }

  /// Gives both files their names; durable on return.
  package func finish() throws {
    try ids.finish()
    try distances.finish()
  }
}
