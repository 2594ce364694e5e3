import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage

/// A collection that commands work on, wherever it is, so that none of them is written twice.
protocol CollectionHandle {
  var name: String { get }
  /// What the collection is.
  func report() throws -> CollectionReport

  /// Answers queries that all have the same terms, in their order.
  func search(_ queries: [SearchQuery], _ run: SearchRun) throws -> SearchOutcome
  /// The records of ids, in their order; `nil` where there is none.
  func records(_ ids: [ItemID]) throws -> [Record?]
  /// Visits every record, in ascending order of id.
  func forEachRecord(_ body: (Record) throws -> Void) throws
  /// Visits name and tags of every record, in ascending order of id.
  func forEachDescription(_ body: (ItemID, String?, [String: String]) throws -> Void) throws
  /// Deletes the records of ids; on disk on return.
  func delete(_ ids: [ItemID]) throws -> (deleted: Int, absent: Int)
  /// Adds records, in place of those with the same ids; on disk on return. A collection of which
  /// nobody named the coder takes this one.
  func upsert(_ records: [Record], coder: CoderIdentity) throws
  /// Indexes what was written, where nobody else does, and waits for it. Ends early when the user
  /// wants to stop.
  ///
  /// - Returns: Whether all of it is indexed.
  func settle() throws -> Bool
  /// Puts the rows of a dataset into the collection; those that are there already are passed
  /// over. Ends early when the user wants to stop.
  ///
  /// - Parameter progress: Called with the number of rows that are on disk, and with what is done
  ///   beside storing.
  func load(
    _ dataset: CodedDataset, threadCount: Int, progress: (Int, String?) -> Void
  ) throws -> LoadReport
  /// The same with the records of a snapshot.
  func load(_ snapshot: SnapshotRecords, progress: (Int, String?) -> Void) throws -> LoadReport
  func stats() throws -> StatsReport
  /// Answers queries by comparing every record; the slow twin of ``search(_:_:)``.
  func fullScan(_ queries: [SearchQuery], each: (Int) -> Void) throws -> FullScan
}

/// How a search is carried out.
struct SearchRun {
  var threadCount: Int
  var wantsNames = false
  /// Whether to bring the image codes of the matches too.
  var wantsImages = false
  /// Whether to answer from the other shards when some cannot be searched.
  var allowsPartial = false
}

/// What a search found.
struct SearchOutcome {
  var answers: [SearchAnswer] = []
  /// Of matches that have one, if they were wanted.
  var names: [ItemID: String] = [:]
  /// Of all matches, if they were wanted.
  var images: [ItemID: ImageCode] = [:]
  /// What became of each shard; empty where all are in one process.
  var shards: [ShardOutcome] = []
}

/// What became of one shard of a cluster in a search.
struct ShardOutcome: Encodable, Hashable {
  var shard: Int
  /// Why it was not searched; `nil` if it was.
  var failure: String?
  /// Before its worker began, and until it ended; of several requests the sums.
  var waitedMilliseconds: Double
  var searchedMilliseconds: Double
  /// Term and sequence of the last operation that the search saw.
  var position: String
}

/// True answers, and what finding them took.
struct FullScan {
  var matches: [[SearchMatch]] = []
  /// Of each query.
  var nanoseconds: [UInt64] = []
}
