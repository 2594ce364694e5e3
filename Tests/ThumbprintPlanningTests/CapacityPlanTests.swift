import Testing
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintPlanning
import ThumbprintStorage

/// Plans by the usual costs, which are the same on every machine of one kind.
@Suite struct CapacityPlanTests {
  /// A request in which every bound is asked for, and most can decide.
  static func request(_ change: (inout PlanRequest) -> Void = { _ in }) -> PlanRequest {
    var request = PlanRequest(recordCount: 100_000_000)
    request.p99Max = 0.05
    request.queryRate = 200
    change(&request)
    return request
  }

  static func plan(_ request: PlanRequest) throws(PlanError) -> CapacityPlan {
    try CapacityPlan(request, costs: .usual)
  }

  /// The least number of hosts; none is more than any.
  static func hosts(_ request: PlanRequest) -> Int {
    (try? plan(request).hostCount) ?? .max
  }

  static let requests: [String: PlanRequest] = [
    "memory": request(),
    "disk": request { $0.host.diskByteCount = 64 << 30 },
    "p99": request {
      $0.recordCount = 20_000_000
      $0.workload = .unlike
      $0.p99Max = 0.2
      $0.queryRate = nil
    },
    "rate": request {
      $0.recordCount = 20_000_000
      $0.workload = .unlike
      $0.p99Max = nil
      $0.host.coreCount = 2
      $0.queryRate = 20
    },
    "replicas": request {
      $0.recordCount = 1000
      $0.replicaCount = 5
    },
  ]

  @Test(arguments: requests.keys.sorted())
  func itIsTheLeastNumber(_ decisive: String) throws {
    var request = try #require(Self.requests[decisive])
    let plan = try Self.plan(request)
    #expect(plan.decisive.rawValue == decisive, "\(plan.hostCounts)")
    #expect(plan.hostCounts.values.max() == plan.hostCount)
    #expect(plan.hostCount > 1)
    request.hostCount = plan.hostCount
    let same = try Self.plan(request)
    #expect(same.whole == plan.whole && same.reduced == plan.reduced)
    request.hostCount = plan.hostCount - 1
    #expect(throws: PlanError.self) { try Self.plan(request) }
  }

  @Test(arguments: requests.keys.sorted())
  func withOneHostLostItHolds(_ name: String) throws {
    let request = try #require(Self.requests[name])
    let plan = try Self.plan(request)
    let reduced = try #require(plan.reduced)
    #expect(reduced.hostCount == plan.hostCount - 1)
    #expect(reduced.replicaCount == min(request.replicaCount, plan.hostCount - 1))
    for outlook in [plan.whole, reduced] {
      #expect(outlook.latency.p99 <= request.p99Max ?? .infinity)
      #expect(outlook.diskByteCount <= Double(request.host.diskByteCount))
      #expect(outlook.memoryByteCount <= Double(request.host.memoryByteCount))
      #expect(max(outlook.processorShare, outlook.coordinatorShare) < 1)
      #expect(outlook.heldCount >= outlook.searchedCount)
      #expect(outlook.heldCount * outlook.hostCount >= plan.shardCount * outlook.replicaCount)
      #expect(outlook.latency.median < outlook.latency.p99)
    }
    #expect(reduced.latency.p99 >= plan.whole.latency.p99 * 0.9)
    var single = request
    single.replicaCount = 1
    #expect(try Self.plan(single).reduced == nil)
  }

  /// More to do never needs fewer hosts, and better hosts never more.
  @Test func moreNeedsMore() throws {
    let dearer: [(String, (inout PlanRequest) -> Void)] = [
      ("count", { $0.recordCount = $0.recordCount / 4 * 5 }),
      ("replicas", { $0.replicaCount = min(7, $0.replicaCount + 1) }),
      ("texts", { $0.textByteCount += 100 }),
      ("k", { $0.nearestCount *= 10 }),
      ("p99", { $0.p99Max = $0.p99Max.map { $0 * 0.8 } }),
      ("rate", { $0.queryRate = $0.queryRate.map { $0 * 1.5 } }),
      ("round trip", { $0.roundTrip *= 3 }),
      ("memory", { $0.host.memoryByteCount = $0.host.memoryByteCount / 4 * 3 }),
      ("disk", { $0.host.diskByteCount = $0.host.diskByteCount / 4 * 3 }),
      ("cores", { $0.host.coreCount = max(1, $0.host.coreCount - 1) }),
      ("queries", { $0.workload = .unlike }),
    ]
    for (name, request) in Self.requests.sorted(by: { $0.key < $1.key }) {
      for (what, change) in dearer {
        var request = request
        var last = Self.hosts(request)
        for step in 0..<5 {
          change(&request)
          let next = Self.hosts(request)
          #expect(next >= last, "\(name): \(what), step \(step): \(last) hosts, then \(next)")
          last = next
        }
      }
    }
  }

  @Test func stepsAreAllThereIs() throws {
    let plan = try Self.plan(Self.request { $0.queryRate = 1000 })
    let latency = plan.whole.latency
    #expect(Set(latency.steps.map(\.kind)).count == latency.steps.count)
    #expect(latency.steps.allSatisfy { $0.median >= 0 && $0.p99 >= $0.median })
    #expect(latency.steps.map(\.kind) == QueryLatency.Step.Kind.allCases)
    let alone = try Self.plan(
      Self.request {
        $0.recordCount = 1000
        $0.replicaCount = 1
        $0.queryRate = nil
      })
    #expect(alone.hostCount == 1)
    #expect(alone.whole.latency.steps.map(\.kind) == [.network, .coordinator, .search, .handling])
  }

  @Test func valuesOutOfBoundsAreNamed() throws {
    let wrong: [(PlanError.Field, (inout PlanRequest) -> Void)] = [
      (.recordCount, { $0.recordCount = 0 }), (.recordCount, { $0.recordCount = -1 }),
      (.replicaCount, { $0.replicaCount = 0 }), (.replicaCount, { $0.replicaCount = 8 }),
      (.textByteCount, { $0.textByteCount = -1 }),
      (.nearestCount, { $0.nearestCount = 0 }), (.nearestCount, { $0.nearestCount = 16385 }),
      (.memory, { $0.host.memoryByteCount = 0 }), (.disk, { $0.host.diskByteCount = 0 }),
      (.cores, { $0.host.coreCount = 0 }), (.cores, { $0.host.coreCount = 1025 }),
      (.p99, { $0.p99Max = 0 }), (.p99, { $0.p99Max = .nan }), (.p99, { $0.p99Max = 1e300 }),
      (.rate, { $0.queryRate = 0 }), (.rate, { $0.queryRate = .infinity }),
      (.roundTrip, { $0.roundTrip = -1 }), (.roundTrip, { $0.roundTrip = .nan }),
      (.hostCount, { $0.hostCount = 0 }), (.hostCount, { $0.hostCount = 4097 }),
      (.hostCount, { $0.hostCount = 1 }), (.shardCount, { $0.shardCount = 0 }),
      (.shardCount, { $0.shardCount = 1025 }),
    ]
    for (field, change) in wrong {
      do {
        _ = try Self.plan(Self.request(change))
        Issue.record("\(field): nothing was said")
      } catch PlanError.invalid(let found, let message) {
        #expect(found == field && !message.isEmpty)
      }
    }
  }

  /// Numbers up to the end of `Int` overflow nothing, and what no cluster can do is said.
  @Test func whatNoClusterCanDoIsSaid() throws {
    func bound(_ change: (inout PlanRequest) -> Void) throws -> PlanBound? {
      do {
        let plan = try Self.plan(Self.request(change))
        Issue.record("\(plan.hostCount) hosts")
      } catch PlanError.hopeless(let bound, _) {
        return bound
      }
      return nil
    }
    #expect(try bound { $0.recordCount = .max } == .disk)
    #expect(try bound { $0.host.diskByteCount = 1 } == .disk)
    #expect(try bound { $0.host.memoryByteCount = 1 << 20 } == .memory)
    #expect(try bound { $0.p99Max = 1e-6 } == .p99)
    #expect(try bound { $0.queryRate = 1e9 } == .rate)
    #expect(
      try bound {
        $0.recordCount = 2_000_000_000
        $0.shardCount = 1
        $0.replicaCount = 1
        $0.host = HostSize(memoryByteCount: .max, diskByteCount: .max, coreCount: 1024)
      } == .shards)
    // Small hosts have to be many, and to ask many takes its time.
    #expect(throws: PlanError.self) {
      try Self.plan(Self.request { $0.host.memoryByteCount = 256 << 20 })
    }
    do {
      _ = try Self.plan(Self.request { $0.host.memoryByteCount = 256 << 20 })
    } catch PlanError.apart(let counts, let nearest) {
      #expect(nearest.latency.p99 > 0.05)
      #expect(try #require(counts[.memory]) > 100)
    }
  }

  @Test func aFixedNumberThatFailsIsNamed() throws {
    let request = Self.request { $0.hostCount = 4 }
    do {
      _ = try Self.plan(request)
      Issue.record("nothing was said")
    } catch PlanError.broken(let bound, let outlook) {
      #expect(bound == .memory)
      #expect(outlook.hostCount == 3, "with one host lost it is worst")
    }
  }
}
