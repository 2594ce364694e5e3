import Foundation
import ThumbprintClient
import ThumbprintCodes
import ThumbprintWire

/// A mixed load for a long time with a kill now and then: memory and files of all processes have to
/// be flat at the end.
struct SoakTrial {
  var seed: UInt64
  var count: Int
  var shardCount: Int
  var minutes: Double
  var killSeconds: Double
  var scratch: Scratch

  /// What the processes of one role used at a moment.
  private struct Sample {
    var seconds: Double
    var usage: [String: ProcessUsage]
  }

  func run() async throws -> TrialReport {
    let watch = Stopwatch()
    var report = TrialReport(
      "soak",
      settings: [
        "seed": "\(seed)", "count": "\(count)", "shards": "\(shardCount)", "workers": "3",
        "replicas": "2", "minutes": Figures.number(minutes, 1),
        "seconds-between-kills": Figures.number(killSeconds, 0),
      ])
    let base = BaseRecords(seed: seed, count: count)
    let cluster = try await TrialCluster.start(workers: 3, in: scratch)
    let client = try await cluster.client()
    let collection = try await client.createCollection(
      "trial", shardCount: shardCount, replicationFactor: 2)
    try await base.load(into: collection)
    try await client.waitUntilWhole(replicas: 2)
    let load = MixedLoad(.init(seed: seed), base: base, collection: collection.description)
    let running = Task { try await load.run(on: cluster) }
    var samples: [Sample] = []
    var killCount = 0
    var nextKill = killSeconds
    let names = await cluster.workerNames
    while watch.seconds < minutes * 60 {
      try await Task.sleep(for: .seconds(2))
      samples.append(Sample(seconds: watch.seconds, usage: await cluster.usage))
      guard watch.seconds > nextKill, watch.seconds < minutes * 60 - 15 else { continue }
      nextKill += killSeconds
      let victim = names[Int.random(in: 0..<names.count)]
      await cluster.kill(victim)
      try await Task.sleep(for: .milliseconds(Int.random(in: 0...3_000)))
      try await cluster.startWorker(victim)
      let seconds = try await client.waitUntilWhole(replicas: 2)
      killCount += 1
      Chatter.say(
        "\(Int(watch.seconds)) s: \(victim) killed, whole \(Figures.number(seconds)) s after its "
          + "restart; \(load.current.queryCount) queries, \(load.current.writeCount) writes")
    }
    load.stop()
    let ledger = try await running.value
    let replicas = try await client.waitUntilReplicasAreEqual()
    let audit = try await Audit.run(collection, base, ledger)
    let tally = load.current
    report.tell("kills", "\(killCount)", Double(killCount))
    report.tell("queries, writes", "\(tally.queryCount), \(tally.writeCount)")
    report.askNone("queries without a complete answer", tally.failedQueryCount)
    report.askNone("wrong answers", tally.wrongAnswerCount)
    audit.ask(of: &report)
    report.tell("replicas that are equal", "\(replicas)")
    tell(samples, &report)
    report.askNone("processes that ended by themselves", await cluster.crashed().count)
    report.notes += tally.reasons
    await client.close()
    await cluster.stop()
    report.seconds = watch.seconds
    return report
  }

  /// The last quarter against the second: after the first, caches are as large as they get.
  private func tell(_ samples: [Sample], _ report: inout TrialReport) {
    guard let last = samples.last?.seconds else { return }
    let early = samples.filter { $0.seconds > last / 4 && $0.seconds <= last / 2 }
    let late = samples.filter { $0.seconds > last * 3 / 4 }
    func median(_ samples: [Sample], _ value: (ProcessUsage) -> Int, _ name: String) -> Int {
      let values = samples.compactMap { $0.usage[name].map(value) }.sorted()
      return values.isEmpty ? 0 : values[values.count / 2]
    }
    for name in Set(samples.flatMap(\.usage.keys)).sorted() {
      let memory = (median(early, \.ownByteCount, name), median(late, \.ownByteCount, name))
      report.ask(
        "memory of \(name), second and last quarter",
        "\(Figures.mebibytes(memory.0)), \(Figures.mebibytes(memory.1))", Double(memory.1),
        asked: "<= 1.15x + 8 MiB", holds: memory.1 <= memory.0 * 115 / 100 + 8 << 20)
      let files = (median(early, \.fileCount, name), median(late, \.fileCount, name))
      report.ask(
        "open files of \(name)", "\(files.0), \(files.1)", Double(files.1), asked: "<= + 2",
        holds: files.1 <= files.0 + 2)
    }
  }
}
