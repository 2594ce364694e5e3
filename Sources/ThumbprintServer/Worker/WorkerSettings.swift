import Glibc
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintStorage
import ThumbprintWire

/// How a worker works.
package struct WorkerSettings: Sendable {
  package var name: WorkerName
  /// Where others reach it.
  package var address: WorkerAddress
  /// The folder of its replicas.
  package var path: String
  /// Bytes that it offers for replicas.
  package var capacityByteCount: Int
  /// Threads that search.
  package var searchThreadCount = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
  /// Requests that wait for a thread; more are refused as busy. Queries, and the others, each.
  package var waitingCountMax = 4_096
  /// Bytes of writes that are under way; more are refused as busy.
  package var writeByteCountMax = 256 << 20
  /// Bytes of a manifest that come in one message.
  package var manifestPartByteCount = WireLimits.manifestPartByteCountMax
  /// Bytes that one step of a copy asks for.
  package var copyStepByteCount = 1 << 20
  /// Steps that are asked for before the first is there.
  package var copyWindowCount = 8
  /// Threads that open replicas when the worker begins.
  package var openingThreadCount = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
  /// How long one step of a copy may take.
  package var copyStepTimeout: Duration = .seconds(10)
  /// A copy that is not read for so long is given up by its source.
  package var copyIdleTime: Duration = .seconds(30)
  /// Copies that are read from here at once.
  package var copyCountMax = 64

  package var replica = ReplicaSettings()
  package var worker = WorkerStateMachine.Settings()
  package var maintenance = MaintenanceLimits.standard
  package var retention = LogRetention.standard

  package init(
    name: WorkerName, address: WorkerAddress, path: String, capacityByteCount: Int
  ) {
    self.name = name
    self.address = address
    self.path = path
    self.capacityByteCount = capacityByteCount
  }
}
