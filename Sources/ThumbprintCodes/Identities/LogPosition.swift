/// A place in the log of a shard: an operation, and the term in which it was written.
///
/// Two logs with the same operation at one position are the same up to there. Ordered by term,
/// then sequence: of two replicas of which either could be the primary, the greater has more.
public struct LogPosition: Hashable, Comparable, Sendable, Codable {
  public var term: Term
  public var sequence: SequenceNumber

  public init(term: Term, sequence: SequenceNumber) {
    self.term = term
    self.sequence = sequence
  }

  /// Before the first operation.
  public static let start = LogPosition(term: Term(0), sequence: SequenceNumber(0))

  public static func < (a: LogPosition, b: LogPosition) -> Bool {
    (a.term, a.sequence) < (b.term, b.sequence)
  }
}

extension LogPosition: CustomStringConvertible {
  /// For instance `3:1024`: term, colon, sequence.
  public var description: String { "\(term):\(sequence)" }
}
