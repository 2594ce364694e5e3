import ArgumentParser
import Foundation
import ThumbprintStorage

/// Where the collections are: in a folder, or in a cluster.
struct PlaceOptions: ParsableArguments {
  @OptionGroup var store: StoreOptions
  @OptionGroup var cluster: CoordinatorOptions

  /// Where commands look.
  enum Place: Sendable, Hashable {
    case folder(String)
    case cluster(CoordinatorAddress)
  }

  mutating func validate() throws {
    if store.store != nil, cluster.coordinator != nil {
      throw ValidationError("--coordinator: cannot be given together with --store")
    }
  }

  /// A flag counts before a variable.
  var place: Place {
    get throws {
      if store.store != nil { return .folder(store.path) }
      if cluster.coordinator == nil, CoordinatorOptions.named != nil, StoreOptions.named != nil {
        throw CommandError(
          .usage,
          "both \(StoreOptions.variable) and \(CoordinatorOptions.variable) are set, and no flag "
            + "says which counts",
          hint: "give --store or --coordinator, or unset one of them")
      }
      if let address = try cluster.address { return .cluster(address) }
      return .folder(store.path)
    }
  }

  /// For messages: the folder, or the address.
  var name: String {
    get throws {
      switch try place {
      case .folder(let path): path
      case .cluster(let address): "the cluster at \(address)"
      }
    }
  }

  /// Calls `folder` with the open store, or `cluster` with the connection to the coordinator, and
  /// closes it whatever happens.
  func with<R>(
    _ access: StoreAccess, makesStore: Bool = false, folder: (LocalStore) throws -> R,
    cluster: (ClusterSession) throws -> R
  ) throws -> R {
    switch try place {
    case .folder: try store.with(access, makes: makesStore, folder)
    case .cluster(let address): try self.cluster.with(address, cluster)
    }
  }
}
