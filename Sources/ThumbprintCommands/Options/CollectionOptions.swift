import ArgumentParser
import ThumbprintStorage

/// Which collection, in a folder or in a cluster.
struct CollectionOptions: ParsableArguments {
  @Option(
    name: [.customLong("collection"), .customShort("c")],
    help: ArgumentHelp("Name of the collection.", valueName: "name"))
  var name: String

  @OptionGroup var place: PlaceOptions

  /// Calls `body` with the open collection, and closes what was opened whatever happens.
  func with<R>(
    _ access: StoreAccess, _ body: (any CollectionHandle) throws -> R
  ) throws -> R {
    try place.with(access) { store in
      try body(StoredCollection(try store.named(name, flag: "--collection")))
    } cluster: { session in
      try body(try session.named(name, flag: "--collection"))
    }
  }
}

/// Which collection, for commands that work on the files themselves.
struct StoredCollectionOptions: ParsableArguments {
  @Option(
    name: [.customLong("collection"), .customShort("c")],
    help: ArgumentHelp("Name of the collection.", valueName: "name"))
  var name: String

  @OptionGroup var store: StoreOptions

  /// Calls `body` with the open collection, and closes its store whatever happens.
  func with<R>(_ access: StoreAccess, _ body: (LocalCollection) throws -> R) throws -> R {
    try store.with(access) { try body($0.named(name, flag: "--collection")) }
  }
}
