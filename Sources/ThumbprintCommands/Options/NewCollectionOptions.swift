import ArgumentParser
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintWire

/// What a collection becomes that is not there yet.
struct NewCollectionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "If the collection has to be made: its shards (default: 1 in a store, 8 in a cluster).",
      valueName: "count"))
  var shards: Int?

  @Option(
    help: ArgumentHelp(
      "If it has to be made, with --coordinator: replicas of each shard (default: 2, or 1 with one worker).",
      valueName: "count"))
  var replicas: Int?

  mutating func validate() throws {
    if let shards { try CollectionCreateCommand.check(shards: shards) }
    if let replicas, !(1...CollectionCreateCommand.replicaCountMax).contains(replicas) {
      throw ValidationError(
        "--replicas: \(replicas) is not in 1...\(CollectionCreateCommand.replicaCountMax)")
    }
  }

  fileprivate func requireNoReplicas() throws {
    guard replicas != nil else { return }
    throw CommandError.flag(
      "--replicas", "a store has one of each shard; this is for a cluster",
      hint: "give --coordinator HOST:PORT")
  }

  /// Says which flags say nothing here, as the collection is there already and is otherwise.
  fileprivate func tellWhatIsPassedOver(_ report: CollectionReport, _ log: LogOptions) {
    if let shards, shards != report.shards {
      log.note(
        "--shards \(shards) was passed over: '\(report.name)' is there already, with "
          + Text.count(report.shards, "shard"))
    }
    if let replicas, let theirs = report.replicas, replicas != theirs {
      log.note(
        "--replicas \(replicas) was passed over: '\(report.name)' is there already, with "
          + "\(Text.count(theirs, "replica")) of each shard; 'collection replicas' changes that")
    }
  }
}

/// A collection that records of one coder go into. If there is none yet, it is made when the first
/// records are there, so that a run that has none leaves nothing behind.
struct CollectionToFill {
  let name: String
  /// Of which the codes are that go in.
  let coder: CoderIdentity
  /// `nil` until there is one.
  private(set) var collection: (any CollectionHandle)?
  private let make: () throws -> any CollectionHandle

  fileprivate init(
    _ name: String, coder: CoderIdentity, _ collection: (any CollectionHandle)?,
    make: @escaping () throws -> any CollectionHandle
  ) {
    self.name = name
    self.coder = coder
    self.collection = collection
    self.make = make
  }

  /// The records of ids, in their order; `nil` where there is none.
  func records(_ ids: [ItemID]) throws -> [Record?] {
    try collection?.records(ids) ?? ids.map { _ in nil }
  }

  /// Adds records, in place of those with the same ids; on disk on return. A collection of which
  /// nobody named the coder takes that of the first of them.
  mutating func upsert(_ records: [Record]) throws {
    if records.isEmpty { return }
    let collection = try collection ?? make()
    self.collection = collection
    try collection.upsert(records, coder: coder)
  }

  /// Refuses a collection of which nobody can say that its codes are of the coder.
  fileprivate static func require(
    _ coder: CoderIdentity, of collection: any CollectionHandle, _ report: CollectionReport
  ) throws {
    guard let theirs = report.coder else {
      if try collection.stats().records == 0 { return }
      throw CommandError(
        .badData,
        "'\(report.name)' has records, and nobody named the coder of their codes, so others cannot "
          + "join them",
        hint: "choose another collection, which is made if there is none; or load a dataset that "
          + "names the coder, and this one takes it")
    }
    guard theirs != coder.name else { return }
    throw CommandError(
      .badData,
      "the codes of '\(report.name)' are of the coder \(theirs), and the model is \(coder)",
      hint: "give the model that made them by --model, or choose another collection")
  }
}

extension CollectionOptions {
  /// Calls `body` with the collection to fill, and closes what was opened whatever happens.
  ///
  /// - Throws: ``CommandError`` if its codes are of another coder.
  func filling<R>(
    _ new: NewCollectionOptions, coder: CoderIdentity, log: LogOptions,
    _ body: (CollectionToFill) throws -> R
  ) throws -> R {
    func checked(_ collection: any CollectionHandle) throws -> any CollectionHandle {
      let report = try collection.report()
      try CollectionToFill.require(coder, of: collection, report)
      new.tellWhatIsPassedOver(report, log)
      return collection
    }
    func open(in store: LocalStore) throws -> any CollectionHandle {
      try checked(StoredCollection(store.named(name, flag: "--collection")))
    }
    func open(in session: ClusterSession) throws -> any CollectionHandle {
      try checked(session.named(name, flag: "--collection"))
    }
    if case .folder = try place.place { try new.requireNoReplicas() }
    return try place.with(.readWrite, makesStore: true) { store in
      try CommandError.naming("--collection") { try StoreLimits.check(collectionName: name) }
      let isThere = try store.collections().contains { $0.name == name }
      return try body(
        CollectionToFill(name, coder: coder, isThere ? try open(in: store) : nil) {
          try store.createCollection(
            name, shardCount: new.shards ?? 1, profile: .standard, coder: coder)
          return try open(in: store)
        })
    } cluster: { session in
      let isThere = try session.run(ListCollections()).contains { $0.name == name }
      return try body(
        CollectionToFill(name, coder: coder, isThere ? try open(in: session) : nil) {
          do {
            _ = try session.run(
              CreateCollection(
                collection: name, shardCount: new.shards, replicationFactor: new.replicas,
                coder: coder))
          } catch let error as ServiceError where error.code == .exists {
            // Somebody else made it while the first pictures were coded.
          }
          return try open(in: session)
        })
    }
  }
}
