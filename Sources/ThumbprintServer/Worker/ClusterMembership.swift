import Synchronization
import ThumbprintCodes

/// The cluster to which a worker belongs, as its connections have to know it.
package final class ClusterMembership: Sendable {
  private let cluster = Mutex<ClusterID?>(nil)

  package init() {}

  /// `nil` until it has joined one.
  package var id: ClusterID? { cluster.withLock { $0 } }

  func join(_ id: ClusterID?) { cluster.withLock { $0 = id } }
}
