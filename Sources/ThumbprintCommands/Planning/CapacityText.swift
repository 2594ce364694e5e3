import ThumbprintIndex
import ThumbprintPlanning
import ThumbprintStorage

/// A plan as people read it.
package struct CapacityText {
  let plan: CapacityPlan

  package init(_ plan: CapacityPlan) { self.plan = plan }

  package var text: String {
    [question, hosts, bytes, times, loss, assumptions].joined(separator: "\n")
  }

  private var request: PlanRequest { plan.request }

  private var question: String {
    let host = request.host
    var lines =
      "\(Text.count(request.recordCount, "record")), \(Text.count(request.replicaCount, "replica"))"
      + " of each; hosts of \(Text.bytes(host.memoryByteCount)) memory, "
      + "\(Text.bytes(host.diskByteCount)) disk, \(Text.count(host.coreCount, "core"))\n"
    lines +=
      "queries: \(request.workload.rawValue), k = \(Text.grouped(request.nearestCount)), "
      + request.promise.flag
    if let p99 = request.p99Max { lines += ", p99 at most \(Text.duration(p99))" }
    if let rate = request.queryRate { lines += ", \(Text.short(rate)) a second" }
    return lines + "\n"
  }

  private var hosts: String {
    var text = "hosts: \(Text.grouped(plan.hostCount))"
    if request.hostCount == nil { text += ", decided by \(plan.decisive.rawValue)" }
    text += "\n"
    var table = TextTable([("bound", .left), ("hosts", .right), ("what", .left)])
    for bound in PlanBound.allCases {
      guard let count = plan.hostCounts[bound] else { continue }
      table.append([bound.rawValue, Text.grouped(count), Self.meaning(bound)])
    }
    text += table.text
    return text
      + "shards: \(Text.grouped(plan.shardCount)) of about "
      + "\(Text.grouped(Int(plan.whole.shard.recordCount.rounded()))) records, at most "
      + "\(Text.count(plan.whole.heldCount, "replica")) on a host\n"
  }

  private static func meaning(_ bound: PlanBound) -> String {
    switch bound {
    case .replicas: "no two replicas of a shard on one host"
    case .disk:
      "files, \(Text.percent(ShardForecast.spareShare, decimals: 0)) for deleted records "
        + "and merges, logs, one move"
    case .memory:
      "all files and the fast memory, in "
        + "\(Text.percent(CapacityPlan.memoryShareMax, decimals: 0)) of a host's"
    case .shards: "\(Text.bytes(ShardForecast.byteCountMax)) to a shard at most"
    case .p99: "the slowest of a hundred queries"
    case .rate:
      "no core busy for more than \(Text.percent(ClusterOverhead.busyShareMax, decimals: 0))"
    }
  }

  private var bytes: String {
    var table = TextTable([
      ("bytes", .left), ("a record", .right), ("fullest host", .right), ("all", .right),
    ])
    let whole = plan.whole
    let record = plan.recordBytes
    let all = plan.fileByteCount
    let resident = all * record.resident / record.file
    table.append([
      "in files", Text.bytes(Int(record.file)), Text.bytes(whole.fileByteCount), Text.bytes(all),
    ])
    table.append(["on disk, with room", "", Text.bytes(whole.diskByteCount), ""])
    table.append([
      "in memory", Text.bytes(Int(record.file + record.resident)),
      Text.bytes(whole.memoryByteCount), Text.bytes(all + resident),
    ])
    return table.text
  }

  private var times: String {
    var columns: [(heading: String, alignment: TextTable.Alignment)] = [
      ("one query", .left), ("median", .right), ("p99", .right),
    ]
    if plan.reduced != nil {
      columns += [("one host lost: median", .right), ("p99", .right)]
    }
    var table = TextTable(columns)
    let states = [plan.whole] + (plan.reduced.map { [$0] } ?? [])
    func append(_ name: String, _ values: [(median: Double, p99: Double)?]) {
      table.append(
        [name]
          + values.flatMap { value in
            [value?.median, value?.p99].map { $0.map(Text.duration) ?? "-" }
          })
    }
    for kind in QueryLatency.Step.Kind.allCases {
      let steps = states.map { state in state.latency.steps.first { $0.kind == kind } }
      guard steps.contains(where: { $0 != nil }) else { continue }
      append(kind.words, steps.map { step in step.map { ($0.median, $0.p99) } })
    }
    append("all", states.map { ($0.latency.median, $0.latency.p99) })
    let steps = plan.whole.probe + plan.whole.search
    var text =
      table.text + "the busiest worker: \(Text.short(steps.bucketsProbed.rounded())) buckets, "
      + "\(Text.short(steps.sketchesRead.rounded())) sketches, "
      + "\(Text.short(steps.codesCompared.rounded())) codes a query"
    if request.queryRate != nil {
      text +=
        "; its cores \(Text.percent(plan.whole.processorShare)) busy, the coordinator's thread "
        + Text.percent(plan.whole.coordinatorShare)
    }
    return text + "\n"
  }

  private var loss: String {
    guard let reduced = plan.reduced else {
      return request.replicaCount == 1
        ? "one host lost: its shards are not searched until it is back, and its disk is all there is "
          + "of them\n"
        : "one host lost: there is no other\n"
    }
    let rest =
      reduced.replicaCount < request.replicaCount
      ? "every record has \(Text.count(reduced.replicaCount, "replica")) until it is back or replaced"
      : "the others take its replicas over"
    return "one host lost: the plan holds; \(rest)\n"
  }

  private var assumptions: String {
    let near = Text.percent(Double(SearchWorkload.near.distance) / 4096)
    let what =
      switch request.workload {
      case .near:
        "near: all of the k nearest are within \(near) of the bits; other codes are unrelated"
      case .unlike: "unlike: nothing is nearer than unrelated codes are, so all are compared"
      }
    return """
      assumed: hosts with cores like this one's, which was timed just now; what the programs of a
      cluster take beside searching is from BENCHMARKS.md, "Sizes"; a round trip between hosts takes \
      \(Text.duration(request.roundTrip))
      \(what)
      times in between depend on the codes: load some, ask, and compare with --hosts and --shards

      """
  }
}
