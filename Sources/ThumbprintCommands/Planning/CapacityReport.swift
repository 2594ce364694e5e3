import ThumbprintIndex
import ThumbprintPlanning

/// A plan as `--json` shows it.
package struct CapacityReport: Encodable {
  struct Asked: Encodable {
    var records: Int
    var replicas: Int
    var queries: String
    var k: Int
    var promise: String
    var p99Milliseconds: Double?
    var rate: Double?
    var tables: Int
    var textBytes: Int
    var roundTripMilliseconds: Double
    var hostMemory: Int
    var hostDisk: Int
    var hostCores: Int
  }

  struct Step: Encodable {
    var step: String
    var medianMilliseconds: Double
    var p99Milliseconds: Double
  }

  struct State: Encodable {
    var hosts: Int
    var replicas: Int
    /// Of the fullest host.
    var shardsHeld: Int
    var shardsSearched: Int
    var fileBytes: Double
    var diskBytes: Double
    var memoryBytes: Double
    var medianMilliseconds: Double
    var p99Milliseconds: Double
    var steps: [Step]
    /// Of the busiest worker, for one query.
    var bucketsProbed: Double
    var sketchesRead: Double
    var codesCompared: Double
    var processorShare: Double
    var coordinatorShare: Double
  }

  var asked: Asked
  var hosts: Int
  var decidedBy: String
  /// The hosts that each bound alone asks for.
  var hostsByBound: [String: Int]
  var shards: Int
  var recordFileBytes: Double
  var recordMemoryBytes: Double
  var fileBytes: Double
  var whole: State
  /// With one host lost.
  var reduced: State?

  package init(_ plan: CapacityPlan) {
    let request = plan.request
    asked = Asked(
      records: request.recordCount, replicas: request.replicaCount,
      queries: request.workload.rawValue, k: request.nearestCount, promise: request.promise.flag,
      p99Milliseconds: request.p99Max.map { $0 * 1000 }, rate: request.queryRate,
      tables: request.profile.tableCount, textBytes: request.textByteCount,
      roundTripMilliseconds: request.roundTrip * 1000, hostMemory: request.host.memoryByteCount,
      hostDisk: request.host.diskByteCount, hostCores: request.host.coreCount)
    hosts = plan.hostCount
    decidedBy = plan.decisive.rawValue
    hostsByBound = Dictionary(
      uniqueKeysWithValues: plan.hostCounts.map { ($0.key.rawValue, $0.value) })
    shards = plan.shardCount
    recordFileBytes = plan.recordBytes.file.rounded()
    recordMemoryBytes = (plan.recordBytes.file + plan.recordBytes.resident).rounded()
    fileBytes = plan.fileByteCount.rounded()
    whole = State(plan.whole)
    reduced = plan.reduced.map(State.init)
  }
}

extension CapacityReport.State {
  init(_ outlook: Outlook) {
    let steps = outlook.probe + outlook.search
    self.init(
      hosts: outlook.hostCount, replicas: outlook.replicaCount, shardsHeld: outlook.heldCount,
      shardsSearched: outlook.searchedCount, fileBytes: outlook.fileByteCount.rounded(),
      diskBytes: outlook.diskByteCount.rounded(), memoryBytes: outlook.memoryByteCount.rounded(),
      medianMilliseconds: outlook.latency.median * 1000,
      p99Milliseconds: outlook.latency.p99 * 1000,
      steps: outlook.latency.steps.map {
        .init(
          step: $0.kind.rawValue, medianMilliseconds: $0.median * 1000,
          p99Milliseconds: $0.p99 * 1000)
      },
      bucketsProbed: steps.bucketsProbed.rounded(), sketchesRead: steps.sketchesRead.rounded(),
      codesCompared: steps.codesCompared.rounded(), processorShare: outlook.processorShare,
      coordinatorShare: outlook.coordinatorShare)
  }
}
