import ThumbprintCodes

/// What would move, how many bytes, and why, before anything does.
public struct RebalancePlan: Hashable, Sendable {
  public struct Step: Hashable, Sendable {
    public var move: MoveEntry
    /// Bytes to copy.
    public var byteCount: Int
    /// In words: for instance that one worker is filled to 81 %, the other to 12 %.
    public var why: String
  }

  /// One worker's bytes before and after.
  public struct Change: Hashable, Sendable {
    public var worker: WorkerName
    public var capacityByteCount: Int
    public var byteCountBefore: Int
    public var byteCountAfter: Int
  }

  /// A replica that should move, and cannot yet.
  public struct Omission: Hashable, Sendable {
    public var shard: ShardKey
    public var why: String
  }

  public var steps: [Step]
  /// In the order of names.
  public var changes: [Change]
  public var omissions: [Omission] = []

  public var byteCount: Int { steps.reduce(0) { $0 + $1.byteCount } }
}

extension Placement {
  /// Plans moves until the fills of open workers are as near to each other as replicas allow.
  ///
  /// Each step takes a replica from the fullest worker that has a useful one to the emptiest one
  /// that can take it, and only where the higher of both fills gets smaller by a twentieth or more
  /// of the gap; so a balanced cluster plans nothing, and nothing is moved to and fro. A shard
  /// moves once in a plan, and one that moves already is left alone.
  ///
  /// - Parameter stepCountMax: The most moves planned.
  /// - Complexity: O(steps · workers · shards).
  public mutating func rebalance(stepCountMax: Int = 4_096) -> RebalancePlan {
    let before = loads
    var steps: [RebalancePlan.Step] = []
    var moving = Set(map.moves.values.map(\.shard))
    var held: [WorkerName: Set<ShardKey>] = [:]
    for (key, shard) in map.shards where shard.isEstablished {
      for name in shard.replicas.keys { held[name, default: []].insert(key) }
    }
    while steps.count < stepCountMax, let step = nextStep(held: held, moving: moving) {
      let source = step.move.source!
      let extra = weight(step.move.shard)
      loads[source]?.weight -= extra
      loads[step.move.target]?.weight += extra
      held[source]?.remove(step.move.shard)
      moving.insert(step.move.shard)
      steps.append(step)
    }
    return RebalancePlan(steps: steps, changes: changes(since: before))
  }

  private func changes(since before: [WorkerName: Load]) -> [RebalancePlan.Change] {
    before.keys.sorted().map { name in
      RebalancePlan.Change(
        worker: name, capacityByteCount: before[name]!.capacity,
        byteCountBefore: before[name]!.weight, byteCountAfter: loads[name]!.weight)
    }
  }

  /// Plans where the replicas of a worker go that is to be emptied: each to the least filled worker
  /// that has none of the shard and room for it.
  public mutating func drain(_ name: WorkerName) -> RebalancePlan {
    let before = loads
    loads[name]?.isOpen = false
    var plan = RebalancePlan(steps: [], changes: [])
    for (key, shard) in map.shards.sorted(by: { $0.key < $1.key })
    where shard.replicas[name] != nil {
      if let move = map.move(of: key) {
        let isGoing = move.entry.source == name
        plan.omissions.append(
          .init(
            shard: key,
            why: isGoing
              ? "move \(move.id) takes it to \(move.entry.target) already"
              : "move \(move.id) of this shard has to end first"))
      } else if !shard.isEstablished {
        plan.omissions.append(.init(shard: key, why: "the shard is not there yet"))
      } else if let target = placeOne(key) {
        let extra = weight(key)
        loads[name]?.weight -= extra
        let fill = Int(((loads[target]?.fill() ?? 0) * 100).rounded())
        plan.steps.append(
          .init(
            move: MoveEntry(shard: key, source: name, target: target, reason: .drain),
            byteCount: extra - Self.baseByteCount,
            why: "\(name) is drained; \(target) will be filled to \(fill) %"))
      } else {
        let isFree = loads.contains { $0.value.isOpen && shard.replicas[$0.key] == nil }
        plan.omissions.append(
          .init(
            shard: key,
            why: isFree
              ? "no other worker has room for it"
              : "every other worker that takes replicas has one of it"))
      }
    }
    plan.changes = changes(since: before)
    return plan
  }

  private func nextStep(
    held: [WorkerName: Set<ShardKey>], moving: Set<ShardKey>
  ) -> RebalancePlan.Step? {
    let open = loads.filter { $0.value.isOpen && $0.value.capacity > 0 }
    let byFill = open.keys.sorted { (open[$0]!.fill(), $0) < (open[$1]!.fill(), $1) }
    for source in byFill.reversed() {
      for target in byFill {
        let gap = open[source]!.fill() - open[target]!.fill()
        guard gap > 0 else { break }
        let shards = (held[source] ?? []).filter {
          !moving.contains($0) && map.shards[$0]?.replicas[target] == nil
            && open[target]!.hasRoom(for: weight($0))
        }
        let best = shards.map { ($0, gain(of: $0, from: open[source]!, to: open[target]!)) }
          .filter { $0.1 > gap / 20 }.max { ($0.1, $1.0) < ($1.1, $0.0) }
        guard let shard = best?.0 else { continue }
        let percent = { (load: Load) in "\(Int((load.fill() * 100).rounded())) %" }
        return RebalancePlan.Step(
          move: MoveEntry(shard: shard, source: source, target: target, reason: .rebalance),
          byteCount: weight(shard) - Self.baseByteCount,
          why: "\(source) is filled to \(percent(open[source]!)), "
            + "\(target) to \(percent(open[target]!))")
      }
    }
    return nil
  }

  /// By how much the higher of two fills gets smaller when `shard` moves.
  private func gain(of shard: ShardKey, from source: Load, to target: Load) -> Double {
    let extra = weight(shard)
    return source.fill() - max(source.fill(adding: -extra), target.fill(adding: extra))
  }
}
