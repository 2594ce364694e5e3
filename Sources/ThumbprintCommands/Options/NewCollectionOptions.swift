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

  fileprivate func make(
    _ name: String, in store: LocalStore, coder: CoderIdentity
  ) throws {
    if replicas != nil {
      throw CommandError.flag(
        "--replicas", "a store has one of each shard; this is for a cluster",
        hint: "give --coordinator HOST:PORT")
    }
    try store.createCollection(name, shardCount: shards ?? 1, profile: .standard, coder: coder)
  }

  fileprivate func make(
    _ name: String, in session: ClusterSession, coder: CoderIdentity
  ) throws {
    _ = try session.run(
      CreateCollection(
        collection: name, shardCount: shards, replicationFactor: replicas, coder: coder))
  }
}

extension CollectionOptions {
  /// Calls `body` with the open collection, which is made first if there is none.
  ///
  /// - Throws: ``CommandError`` if its codes are of another coder.
  func withNew<R>(
    _ new: NewCollectionOptions, coder: CoderIdentity, _ body: (any CollectionHandle) throws -> R
  ) throws -> R {
    func checked(_ collection: any CollectionHandle) throws -> any CollectionHandle {
      let theirs = try collection.report().coder
      if theirs == coder.name { return collection }
      guard let theirs else {
        throw CommandError(
          .badData, "nobody named the coder of the codes of '\(name)', so others cannot join them",
          hint: "choose another collection")
      }
      throw CommandError(
        .badData,
        "the codes of '\(name)' are of the coder \(theirs), and the model is \(coder)",
        hint: "give the model that made them by --model, or choose another collection")
    }
    return try place.with(.readWrite) { store in
      if try !store.collections().contains(where: { $0.name == name }) {
        try new.make(name, in: store, coder: coder)
      }
      return try body(checked(StoredCollection(store.named(name, flag: "--collection"))))
    } cluster: { session in
      if try !session.run(ListCollections()).contains(where: { $0.name == name }) {
        try new.make(name, in: session, coder: coder)
      }
      return try body(checked(session.named(name, flag: "--collection")))
    }
  }
}
