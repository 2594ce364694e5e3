import ThumbprintCodes
import ThumbprintWire

/// Finds out how fast copies come along from one look after another. Knows no clock, so a test can
/// drive it.
package struct MoveMeter {
  private struct Sample {
    var time: Double
    var done: Int
  }

  /// By the id of the move, oldest first.
  private var samples: [UInt64: [Sample]] = [:]
  /// The rate is that of this many seconds.
  private static let window = 15.0

  package init() {}

  /// Notes how far moves are.
  ///
  /// - Parameter now: Seconds on a clock that never goes back.
  /// - Returns: The moves, with rate and time left where two looks or more tell them.
  package mutating func note(_ moves: [MoveStatus], now: Double) -> [MoveReport] {
    let known = Set(moves.map(\.id))
    samples = samples.filter { known.contains($0.key) }
    return moves.map { move in
      var report = MoveReport(move)
      guard let done = move.doneByteCount else { return report }
      var seen = samples[move.id] ?? []
      // A copy that began anew tells nothing by what it had before.
      if let last = seen.last, done < last.done { seen = [] }
      seen.append(Sample(time: now, done: done))
      while seen.count > 2, seen[1].time < now - Self.window { seen.removeFirst() }
      samples[move.id] = seen
      guard let first = seen.first, now > first.time else { return report }
      let rate = Double(done - first.done) / (now - first.time)
      report.bytesPerSecond = rate
      if let total = move.totalByteCount, rate > 0, total > done {
        report.secondsLeft = Double(total - done) / rate
      }
      return report
    }
  }
}

/// A move as `--json` shows it.
package struct MoveReport: Encodable, Hashable {
  package var id: UInt64
  package var collection: String
  package var shard: Int
  /// `nil` for a replica that is added.
  package var from: String?
  package var to: String
  package var reason: String
  package var phase: String
  package var totalBytes: Int?
  package var doneBytes: Int?
  /// Of the copy, over the last seconds; only with `--watch` and `--wait`, which look again.
  package var bytesPerSecond: Double?
  /// Until the copy is there at this rate; what comes after it takes a moment more.
  package var secondsLeft: Double?

  package init(_ move: MoveStatus) {
    id = move.id
    collection = move.collection
    shard = move.number
    from = move.source?.text
    to = move.target.text
    reason = move.reason
    phase = move.phase
    totalBytes = move.totalByteCount
    doneBytes = move.doneByteCount
  }
}

/// A move that has ended, as `--json` shows it.
package struct EndedMoveReport: Encodable, Hashable {
  var id: UInt64
  var collection: String
  var shard: Int
  var from: String?
  var to: String
  var reason: String
  var secondsAgo: Int
  /// Why it was given up; `nil` if it was not.
  var aborted: String?
  /// What source and target were both found to hold at one position of the log.
  var position: String?
  var records: Int?
  var digest: String?

  package init(_ move: EndedMove) {
    id = move.id
    collection = move.collection
    shard = move.number
    from = move.source?.text
    to = move.target.text
    reason = move.reason
    secondsAgo = move.secondsAgo
    aborted = move.aborted
    position = move.proof?.position.description
    records = move.proof?.recordCount
    digest = move.proof?.digest.description
  }
}

/// The moves of a cluster as `--json` shows them.
package struct MovesReport: Encodable {
  var moves: [MoveReport]
  /// Since the coordinator was started, latest first.
  var ended: [EndedMoveReport]

  package init(moves: [MoveReport], ended: [EndedMoveReport]) {
    self.moves = moves
    self.ended = ended
  }

  package var text: String {
    var text = moves.isEmpty ? "no moves under way\n" : moves.table
    guard !ended.isEmpty else { return text }
    var table = TextTable([
      ("ended", .right), ("collection", .left), ("shard", .right), ("from", .left),
      ("to", .left), ("reason", .left), ("when", .right), ("proof", .left),
    ])
    for move in ended.prefix(Self.shownCount) {
      let proof =
        move.aborted.map { "given up: \($0)" }
        ?? move.records.map { "\(Text.count($0, "record")), digest \(move.digest ?? "-") equal" }
      table.append([
        String(move.id), move.collection, String(move.shard), move.from ?? "-", move.to,
        move.reason, Text.duration(Double(move.secondsAgo)) + " ago", proof ?? "-",
      ])
    }
    text += "\n" + table.text
    return text
  }

  /// Ended moves that are shown.
  private static let shownCount = 20
}

extension [MoveReport] {
  /// A line for each move.
  package var table: String {
    var table = TextTable([
      ("move", .right), ("collection", .left), ("shard", .right), ("from", .left), ("to", .left),
      ("reason", .left), ("phase", .left), ("copied", .right), ("of", .right), ("done", .right),
      ("rate", .right), ("left", .right),
    ])
    for move in self {
      let share: Double? =
        if let done = move.doneBytes, let total = move.totalBytes, total > 0 {
          Double(done) / Double(total)
        } else { nil }
      table.append([
        String(move.id), move.collection, String(move.shard), move.from ?? "-", move.to,
        move.reason, move.phase, move.doneBytes.map { Text.bytes($0) } ?? "-",
        move.totalBytes.map { Text.bytes($0) } ?? "-", share.map { Text.percent($0) } ?? "-",
        move.bytesPerSecond.map { Text.bytes(Int($0)) + "/s" } ?? "-",
        move.secondsLeft.map(Text.duration) ?? "-",
      ])
    }
    return table.text
  }
}
