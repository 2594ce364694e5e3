import ThumbprintCodes

/// How records are loaded into a collection of a cluster.
public struct RemoteLoadOptions: Sendable {
  /// Rows of one write, `1...WireLimits.rowCountMax`.
  public var batchRowCount = 8_192
  /// Bytes of writes that are sent and not acknowledged yet; reading waits beyond that, unless one
  /// write alone has more.
  public var inFlightByteCountMax = 48 << 20
  /// How long one write is tried again while nobody takes it: workers and the coordinator may die
  /// and come back meanwhile.
  public var patience: Duration = .seconds(60)
  /// Asked between reads; once it says yes, the load ends when what was sent is acknowledged.
  public var isCancelled: @Sendable () -> Bool

  public init(isCancelled: @escaping @Sendable () -> Bool = { false }) {
    self.isCancelled = isCancelled
  }
}

/// How far a load into a cluster has come.
public struct RemoteLoadProgress: Sendable, Hashable {
  /// Records that are on the disks of all in-sync replicas of their shards.
  public var doneCount: Int
  /// Records that there are; `nil` if nobody knows before the end.
  public var totalCount: Int?
  /// Writes that had to be sent again.
  public var retryCount: Int
  public var seconds: Double
}

/// What a load into a cluster did.
public struct RemoteLoadReport: Sendable, Hashable {
  /// What the writes did: records that are ``WriteCounts/unchanged`` were there already.
  public var counts = WriteCounts()
  /// Records that are on the disks of all in-sync replicas.
  public var doneCount = 0
  /// The digest of the records that were read.
  public var digest = RecordDigest()
  /// Writes that had to be sent again.
  public var retryCount = 0
  /// Whether the load ended because the caller asked for it; loading again completes it.
  public var wasCancelled = false
  /// Whether the collection was found to hold what was read and nothing else; `false` if there
  /// are other records in it, too.
  public var isWhole = false
  public var seconds = 0.0

  public init() {}
}

/// Records to be loaded, in whatever order they are read.
///
/// Of several records with one id any may be the one that stays, so there should be none.
public protocol RemoteLoadSource {
  /// The file or folder, for messages.
  var path: String { get }
  /// How many there are; `nil` if nobody knows yet.
  var count: Int? { get }
  /// The coder of the codes; `nil` if nobody said.
  var coder: CoderIdentity? { get }
  /// What the sum over all records must be; `nil` if nobody said.
  var expectedDigest: RecordDigest? { get }

  /// Hands over the next rows, some thousand at most; their memory is borrowed for each call.
  ///
  /// - Returns: Whether there may be more.
  /// - Throws: What ends the load.
  mutating func next(_ body: (RemoteLoadRow) -> Void) async throws -> Bool
}

/// A record in borrowed memory.
public struct RemoteLoadRow {
  public var id: ItemID
  /// `FeatureCode.byteCount` bytes.
  public var feature: UnsafeRawPointer
  /// `ImageCode.byteCount` bytes.
  public var image: UnsafeRawPointer
  /// UTF-8; no bytes if there is no name.
  public var name: UnsafeRawBufferPointer
  /// In the form of `TagsJSON`; no bytes if there are none.
  public var tags: UnsafeRawBufferPointer

  public init(
    id: ItemID, feature: UnsafeRawPointer, image: UnsafeRawPointer, name: UnsafeRawBufferPointer,
    tags: UnsafeRawBufferPointer
  ) {
    self.id = id
    self.feature = feature
    self.image = image
    self.name = name
    self.tags = tags
  }
}
