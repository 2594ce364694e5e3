import Testing
import ThumbprintCluster
import ThumbprintCodes

@Suite struct FetchPlanTests {
  private let replicas = (0..<3).map(Maps.worker)

  private func all(_ number: Int) -> [WorkerName] { replicas }

  /// The story: who took longer than two seconds was asked anew every two seconds, for ever.
  @Test func whoIsLateIsJoinedAndGoesOn() {
    var plan = FetchPlan(shards: [1, 0, 1])
    #expect(plan.waiting == [0, 1])
    let first = plan.ask([0, 1], of: all)
    #expect(first == [replicas[0]: [0, 1]])
    let second = plan.join([0, 1], with: all)
    #expect(second == [replicas[1]: [0, 1]])
    let third = plan.join([0, 1], with: all)
    #expect(third == [replicas[2]: [0, 1]])
    let none = plan.join([0, 1], with: all)
    #expect(none.isEmpty, "all are asked, and none is asked twice at once")
    plan.answered([0, 1])
    #expect(plan.waiting.isEmpty)
    let late = plan.failed([0, 1])
    #expect(late.isEmpty)
  }

  @Test func aReplicaThatIsAloneIsWaitedFor() {
    var plan = FetchPlan(shards: [7])
    let only = [replicas[0]]
    let first = plan.ask([7]) { _ in only }
    #expect(first == [replicas[0]: [7]])
    let again = plan.join([7]) { _ in only }
    #expect(again.isEmpty)
    let rest = plan.failed([7])
    #expect(rest == [7])
    let next = plan.ask(rest) { _ in only }
    #expect(next == [replicas[0]: [7]], "it failed, so it may be asked again")
  }

  @Test func whoFailsIsReplacedWhenNobodyElseIsAsked() {
    var plan = FetchPlan(shards: [0, 1])
    _ = plan.ask([0, 1], of: all)
    _ = plan.join([1], with: all)
    // Of shard 1 another replica is asked already.
    let rest = plan.failed([0, 1])
    #expect(rest == [0])
    let next = plan.ask(rest, of: all)
    #expect(next == [replicas[1]: [0]])
    plan.answered([1])
    let answered = plan.ask([1], of: all)
    #expect(answered.isEmpty, "it has answered")
    #expect(plan.waiting == [0])
  }
}
