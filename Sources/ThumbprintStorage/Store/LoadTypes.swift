import ThumbprintCodes

/// How a dataset is loaded.
public struct LoadOptions: Sendable {
  /// Asked between batches and between pieces of the index; once it says yes, the load ends with
  /// what is stored so far.
  public var isCancelled: @Sendable () -> Bool
  /// Threads that prepare rows; 0 for one per core.
  public var threadCount: Int

  public init(threadCount: Int = 0, isCancelled: @escaping @Sendable () -> Bool = { false }) {
    self.isCancelled = isCancelled
    self.threadCount = threadCount
  }
}

/// How far a load has come.
public struct LoadProgress: Sendable, Hashable {
  public enum Phase: Sendable, Hashable {
    /// Rows are being stored; those of ``LoadProgress/doneCount`` are on disk.
    case storing
    /// All rows are stored; the rest of the index is being built.
    case sealing
    case done
  }

  public var phase: Phase
  /// Rows of the dataset that are stored.
  public var doneCount: Int
  /// Rows of the dataset.
  public var totalCount: Int
  public var seconds: Double
}

/// What a load did.
public struct LoadReport: Sendable, Hashable {
  /// Records whose id was new.
  public var added = 0
  /// Records that took the place of one with the same id and other content.
  public var replaced = 0
  /// Rows that were stored already with the same content.
  public var skipped = 0
  /// Rows left out since a later row nearby has the same id; 0 for a valid dataset.
  public var duplicates = 0
  /// Whether the load ended because the caller asked for it; loading again completes it. When all
  /// rows were stored by then, just a part of the index is missing.
  public var wasCancelled = false
  /// All of it, and the part of it after the last row was stored.
  public var seconds = 0.0
  public var sealingSeconds = 0.0
  /// The digest of the rows that were read.
  public var digest = RecordDigest()

  public init() {}
}
