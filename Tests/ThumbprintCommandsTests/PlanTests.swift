import ArgumentParser
import Foundation
import Testing
import ThumbprintCommands
import ThumbprintIndex
import ThumbprintPlanning

@Suite struct PlanTests {
  @Test func numbersAreReadAsPeopleWriteThem() {
    #expect(
      ["0", "17", "1e9", "1G", "2.5M", "50k", "3T", "1E3", "9223372036854775807"].map {
        CountArgument(argument: $0)?.count
      } == [
        0, 17, 1_000_000_000, 1_000_000_000, 2_500_000, 50_000, 3_000_000_000_000, 1000, .max,
      ])
    for text in [
      "", "k", "-1", "+1", "1.5", "-0", "1e30", "0x10", "nan", "inf", "1 k", "1kk", "1e", "1e999",
      "9223372036854775808", "1K", "1,000", "10000000T", "１",
    ] {
      #expect(CountArgument(argument: text) == nil, "\(text)")
    }
    #expect(
      ["20ms", "0.5s", "800us", "1e2ms", "0s"].map { TimeArgument(argument: $0)?.seconds }
        == [0.02, 0.5, 0.0008, 0.1, 0])
    for text in ["", "5", "ms", "-1ms", "nans", "1m", "1 ms", "1e999s", "s"] {
      let seconds = TimeArgument(argument: text)?.seconds
      #expect(seconds == nil, "\(text)")
    }
    #expect(
      ["250", "0.5", "2k", "1M"].map { RateArgument(argument: $0)?.perSecond }
        == [250, 0.5, 2000, 1_000_000])
    for text in ["", "-1", "1G", "nan", "x"] { #expect(RateArgument(argument: text) == nil) }
  }

  private static func plan(_ change: (inout PlanRequest) -> Void) throws -> CapacityPlan {
    var request = PlanRequest(recordCount: 1_000_000_000)
    request.p99Max = 0.02
    change(&request)
    do {
      return try CapacityPlan(request, costs: .usual)
    } catch {
      throw CommandError(error, of: request)
    }
  }

  @Test func aPlanTellsItsBoundsStepsAndAssumptions() throws {
    let plan = try Self.plan {
      $0.queryRate = 200
      $0.p99Max = 0.05
    }
    let text = CapacityText(plan).text
    for part in [
      "1,000,000,000 records, 2 replicas of each", "hosts: \(plan.hostCount), decided by memory",
      "p99 at most 50.0 ms, 200 a second", "waiting for the slowest worker",
      "one host lost: the plan holds; the others take its replicas over", "assumed: ",
      "within 4.7 % of the bits", "a round trip between hosts takes 0.200 ms",
    ] {
      #expect(text.contains(part), "\(part) is not in:\n\(text)")
    }
    for bound in PlanBound.allCases { #expect(text.contains("\n\(bound.rawValue) ")) }
    #expect(text.hasSuffix("\n") && !text.contains("nan") && !text.contains("inf"))
    let single = CapacityText(try Self.plan { $0.replicaCount = 1 }).text
    #expect(single.contains("its shards are not searched until it is back"))
    let pair = CapacityText(try Self.plan { $0.recordCount = 1000 }).text
    #expect(pair.contains("every record has 1 replica until it is back"))
  }

  @Test func jsonTellsTheSame() throws {
    let plan = try Self.plan { _ in }
    let data = try JSONEncoder().encode(CapacityReport(plan))
    let json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(json["hosts"] as? Int == plan.hostCount)
    #expect(json["decidedBy"] as? String == "memory")
    #expect((json["hostsByBound"] as? [String: Int])?["memory"] == plan.hostCount)
    let whole = try #require(json["whole"] as? [String: Any])
    let steps = try #require(whole["steps"] as? [[String: Any]])
    let sum = steps.reduce(0.0) { $0 + ($1["p99Milliseconds"] as? Double ?? .nan) }
    #expect(abs(sum - (whole["p99Milliseconds"] as? Double ?? .nan)) < 1e-6)
    #expect((json["reduced"] as? [String: Any])?["hosts"] as? Int == plan.hostCount - 1)
  }

  @Test func whatCannotBeIsOneLine() throws {
    func error(_ change: (inout PlanRequest) -> Void) throws -> CommandError {
      try #require(throws: CommandError.self) { _ = try Self.plan(change) }
    }
    let late = try error { $0.workload = .unlike }
    #expect(late.status == .usage)
    #expect(late.message.hasPrefix("--p99: no number of hosts holds it: 20.0 ms are asked for, "))
    #expect(late.hint?.hasPrefix("the most of it, ") == true)
    let wrong: [(String, (inout PlanRequest) -> Void)] = [
      ("--count: 0 is not in 1...", { $0.recordCount = 0 }),
      ("--hosts: 1 is fewer than 2 replicas", { $0.hostCount = 1 }),
      ("--hosts: 9 do not hold it: ", { $0.hostCount = 9 }),
      ("--disk: no number of hosts holds it: ", { $0.recordCount = .max }),
      ("--memory: no number of hosts holds it: ", { $0.host.memoryByteCount = 1 << 20 }),
      (
        "--p99: no number of hosts holds all bounds: memory asks for ",
        {
          $0.host.memoryByteCount = 2 << 30
        }
      ),
      (
        "--rate: no number of hosts holds it: the coordinator has one thread",
        {
          $0.p99Max = nil
          $0.queryRate = 1e8
        }
      ),
      (
        "--shards: no number of hosts holds it: ",
        {
          $0.shardCount = 1
          $0.host = HostSize(memoryByteCount: .max, diskByteCount: .max, coreCount: 1)
        }
      ),
    ]
    for (start, change) in wrong {
      let text = try error(change).text(verbose: false)
      #expect(text.hasPrefix("thumbprint: error: \(start)"), "\(text)")
      #expect(text.split(separator: "\n").count <= 2 && text.utf8.count < 400)
    }
  }
}
