import ThumbprintCluster
import ThumbprintCodes

/// One entry of a model's log.
struct ModelEntry: Hashable {
  enum Content: Hashable {
    case term
    case upsert(id: Int, value: UInt64)
    case delete(id: Int, token: UInt64)
  }

  var term: Term
  var content: Content

  var hash: UInt64 {
    switch content {
    case .term: mixed(term.rawValue, 1)
    case .upsert(let id, let value): mixed(mixed(term.rawValue, UInt64(id) << 8 | 2), value)
    case .delete(let id, let token): mixed(mixed(term.rawValue, UInt64(id) << 8 | 3), token)
    }
  }
}

/// What one replica has on its disk: a dictionary and a log, in place of real storage.
struct ModelShard {
  private(set) var entries: [ModelEntry] = []
  /// A hash over all entries up to each: equal where the logs before are.
  private(set) var chain: [UInt64] = [0]
  private(set) var records: [Int: UInt64] = [:]
  private(set) var digest = RecordDigest()
  var promisedTerm = Term(0)
  /// Entries before this number can no longer be read, as if the log had been shortened.
  var firstReadable = 0

  var position: LogPosition {
    guard let last = entries.last else { return .start }
    return LogPosition(term: last.term, sequence: SequenceNumber(UInt64(entries.count)))
  }

  var summary: ReplicaSummary {
    ReplicaSummary(position: position, recordCount: records.count, digest: digest)
  }

  /// Whether the count and the digest that were kept are those of the records.
  var isConsistent: Bool {
    var sum = RecordDigest()
    for (id, value) in records { sum.add(Self.digest(id, value)) }
    return sum == digest
  }

  mutating func append(_ entry: ModelEntry) {
    chain.append(mixed(chain[chain.count - 1], entry.hash))
    entries.append(entry)
    switch entry.content {
    case .term: break
    case .upsert(let id, let value):
      if let old = records[id] { digest.subtract(Self.digest(id, old)) }
      records[id] = value
      digest.add(Self.digest(id, value))
    case .delete(let id, _):
      if let old = records.removeValue(forKey: id) { digest.subtract(Self.digest(id, old)) }
    }
  }

  /// Appends an entry's position without what it says: a mistake, made on purpose.
  mutating func appendNothing(_ term: Term) {
    append(ModelEntry(term: term, content: .term))
  }

  private static func digest(_ id: Int, _ value: UInt64) -> RecordDigest {
    RecordDigest(high: mixed(UInt64(id), value), low: mixed(value, UInt64(id)))
  }

  enum ReadResult {
    case entries(ArraySlice<ModelEntry>)
    case diverged
    case truncated
  }

  func read(
    after position: LogPosition, countMax: Int, comparingTerms: Bool = true
  ) -> ReadResult {
    let count = Int(position.sequence.rawValue)
    guard count <= entries.count else { return .diverged }
    guard !comparingTerms || count == 0 || entries[count - 1].term == position.term else {
      return .diverged
    }
    guard count >= firstReadable else { return .truncated }
    return .entries(entries[count..<min(entries.count, count + countMax)])
  }
}
