import ThumbprintStorage

extension StoreOptions {
  /// Calls `body` with the open store, and closes it whatever happens.
  ///
  /// - Parameter makes: Whether the store may be made if there is none. Only for commands that put
  ///   a collection into it: after any other a mistyped folder would stay behind, empty.
  func with<R>(
    _ access: StoreAccess, makes: Bool = false, _ body: (LocalStore) throws -> R
  ) throws -> R {
    let store: LocalStore
    do {
      guard makes || LocalStore.exists(at: path) else {
        throw StoreError(.notFound, "there is no store here", path: path)
      }
      store = try LocalStore(path: path, access: access)
    } catch let error as StoreError where error.code == .notFound && error.hint == nil {
      throw CommandError(
        .usage, error.description,
        hint: "make one with 'thumbprint collection create', or name it with --store")
    }
    defer { store.close() }
    return try body(store)
  }
}

extension LocalStore {
  /// The collection of that name; an error that names the flag when there is none.
  func named(_ name: String, flag: String) throws -> LocalCollection {
    do {
      return try collection(name)
    } catch let error as StoreError where [.notFound, .invalid].contains(error.code) {
      return try CommandError.naming(flag) { throw error }
    }
  }
}
