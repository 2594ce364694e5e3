import Foundation
import Testing
import ThumbprintClient
import ThumbprintCodes
import ThumbprintWire

/// Moves whose processes are killed in the middle, and go on.
@Suite(.serialized) struct ResumptionTests {
  /// The last copy that a worker finished: bytes that came over the network, and bytes that it had
  /// from attempts before.
  private func copied(_ cluster: ProcessCluster, _ worker: String) throws -> (Int, Int) {
    let line = try #require(try cluster.log(worker, "copied").last)
    func number(_ field: String) throws -> Int {
      let text = line.split(separator: " ").first { $0.hasPrefix("\(field)=") }
      return try #require((text?.dropFirst(field.count + 1)).flatMap { Int($0) }, "\(line)")
    }
    return (try number("received"), try number("kept"))
  }

  @Test(arguments: ["source", "target", "coordinator"])
  func aMoveGoesOnAfterAKill(of victim: String) async throws {
    let cluster = try ProcessCluster()
    let client = try await cluster.client()
    try cluster.startWorker("source")
    try await cluster.wait(for: "a worker", client) { $0.workers.contains(where: \.isAlive) }
    var twins = try await Twins(cluster.folder, client, shardCount: 1, replicas: 1)
    for _ in 0..<12 { try await twins.write(300) }
    try cluster.startWorker("target")
    try await cluster.wait(for: "two workers", client) { $0.workers.count(where: \.isAlive) == 2 }

    // Half a minute of copying: where processors are busy, it takes long until one looks at it again.
    _ = try await client.run(SetBandwidth(byteRate: 60_000))
    _ = try await client.run(
      Drain(worker: try #require(WorkerName("source")), isDryRun: false))
    let status = try await cluster.wait(for: "a part of the copy", client) {
      ($0.moves.first?.doneByteCount ?? 0) > 400_000
    }
    let done = try #require(status.moves.first?.doneByteCount)
    try cluster.killAtOnce(victim)
    // The others notice, and go on as far as they can.
    try await Task.sleep(for: .milliseconds(300))
    try cluster.startAgain(victim)
    try await cluster.wait(for: "the processes", client) { status in
      status.workers.count(where: \.isAlive) == 2
    }
    _ = try await client.run(SetBandwidth(byteRate: 0))
    // Writes that come now wait until there is a primary again.
    try await twins.write(100)
    let ended = try await cluster.wait(for: "the move to end", client) { status in
      status.moves.isEmpty && status.shards.allSatisfy { $0.primary?.text == "target" }
    }
    #expect(ended.endedMoves.count == 1 && ended.endedMoves[0].proof != nil)
    #expect(try cluster.log("coordinator", "move ended").count == 1)

    let (received, kept) = try copied(cluster, "target")
    if victim == "coordinator" {
      // Nobody else noticed.
      #expect(try cluster.log("target", "copied").count == 1)
    } else {
      // Made safe every half second, and in whole items: what is lost is less than this.
      #expect(kept >= done - 200_000, "\(kept) of \(done) bytes were kept")
      #expect(received < 2_200_000 - kept, "\(received) bytes came again")
    }
    try await twins.compare(10, "after the move")
    try await twins.compareAll("after the move")
    twins.close()
    await client.close()
  }
}
