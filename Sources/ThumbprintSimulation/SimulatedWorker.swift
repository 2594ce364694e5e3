import ThumbprintCluster
import ThumbprintCodes

/// A worker's process, its clock and its disk.
final class SimulatedWorker {
  let index: Int
  let name: WorkerName
  let address: WorkerAddress
  let capacity: Int
  var isUp = false
  /// Counts the lives of its process.
  var life = 0
  var machine: WorkerStateMachine
  var replicas: [ShardKey: SimulatedReplica] = [:]
  /// Replicas that are being opened, with what was ordered meanwhile.
  var opening: [ShardKey: [WorkerAction]] = [:]
  /// Survives a crash.
  var disk: [ShardKey: ModelShard] = [:]
  var clusterID: ClusterID?
  /// Its clock runs ahead of the simulation's by so much.
  var clockOffset: Int64 = 0
  /// The disk is so many times slower.
  var diskSlowness: Int64 = 1
  var timerAt: Int64?
  /// The connection to the coordinator; 0 for none.
  var connection = 0

  init(index: Int, capacity: Int) {
    self.index = index
    self.capacity = capacity
    name = WorkerName("w\(index)")!
    address = WorkerAddress(host: "10.0.0.\(index + 1)", port: 7_000)!
    machine = WorkerStateMachine(session: SessionID(0), clusterID: nil)
  }
}

/// One replica in a worker's process, with what is on its way to the disk.
final class SimulatedReplica {
  var machine: ReplicaStateMachine
  var timerAt: Int64?
  /// The disk works off one thing after the other.
  var diskFreeAt: Int64 = 0
  var pending: [(number: UInt64, operation: DiskOperation)] = []
  /// Entries that came with a reply, by the request that asked for them.
  var payloads: [RequestID: Payload] = [:]
  /// Entries read for a pull that is to be answered.
  var readings: [RequestID: Payload] = [:]
  /// Pulls that wait here: who asked.
  var pulls: [RequestID: (worker: Int, life: Int, request: RequestID)] = [:]
  var writes: [WriteID: SimulatedWrite] = [:]
  /// The copy that is wanted.
  var copying: RequestID?
  var justCopied = false
  /// Since when it has answered queries; `nil` if it does not.
  var servingSince: Int64?

  struct Payload {
    var after: LogPosition
    var entries: ArraySlice<ModelEntry>
  }

  enum DiskOperation {
    case create
    case promise(Term)
    case beginTerm(Term)
    case write(WriteID, Term)
    case apply(RequestID, Term)
    case installCopy(RequestID, ModelShard)
    case drop
  }

  init(machine: ReplicaStateMachine) { self.machine = machine }
}

/// A write of a client, as it travels.
struct SimulatedWrite {
  var client: Int
  var token: UInt64
  var shard: ShardKey
  var content: ModelEntry.Content
}
