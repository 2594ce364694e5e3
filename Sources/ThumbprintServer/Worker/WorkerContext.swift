import Logging
import ThumbprintCluster
import ThumbprintStorage

/// What all parts of a worker share.
final class WorkerContext: Sendable {
  let settings: WorkerSettings
  let store: ReplicaStore
  let peers: any PeerNetwork
  let coordinator: any CoordinatorNetwork
  let membership: ClusterMembership
  let logger: Logger
  let metrics: WorkerMetrics
  let replicas = ReplicaTable()
  let copies: CopySources
  /// Searches, and what else needs the processor.
  let pool: WorkPool
  /// Reads the log for followers, whose primaries' writes wait for that.
  let logReaders: WorkPool

  init(
    settings: WorkerSettings, store: ReplicaStore, peers: any PeerNetwork,
    coordinator: any CoordinatorNetwork, membership: ClusterMembership, metrics: WorkerMetrics,
    logger: Logger
  ) {
    self.metrics = metrics
    self.settings = settings
    self.store = store
    self.peers = peers
    self.coordinator = coordinator
    self.membership = membership
    self.logger = logger
    copies = CopySources(
      countMax: settings.copyCountMax, manifestPartByteCount: settings.manifestPartByteCount)
    pool = WorkPool(
      name: "search", threadCount: settings.searchThreadCount,
      waitingCountMax: settings.waitingCountMax)
    logReaders = WorkPool(name: "log", threadCount: 2, waitingCountMax: .max)
  }
}
