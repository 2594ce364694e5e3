import Hummingbird
import Synchronization
import ThumbprintClient
import ThumbprintCodes
import ThumbprintWire

/// The ids of one shard as a ruler: every so many-th of them, so that any rank is found with one
/// short scan. Drawing ids at random instead would favour those that come after a gap.
struct SampleFrame: Sendable {
  /// Ranks from one mark to the next.
  static let step = 128

  /// The ids of the ranks 0, step, 2 · step …
  var marks: [ItemID] = []
  var rowCount = 0
  /// The last id that was walked over.
  var last: ItemID?
  /// Whether the walk has reached the end of the shard.
  var isWhole = false
  let began = ContinuousClock.now

  mutating func add(_ rows: RowColumns) {
    for row in 0..<rows.rowCount {
      if rowCount % Self.step == 0 { marks.append(rows.id(row)) }
      rowCount += 1
      last = rows.id(row)
    }
  }
}

/// The frames of the shards that were sampled last.
final class SampleFrames: Sendable {
  /// How long a frame may be used: records that came since are not in it.
  static let age = Duration.seconds(60)
  private static let countMax = 64
  private let frames = Mutex<[ShardKey: SampleFrame]>([:])

  subscript(shard: ShardKey) -> SampleFrame? {
    get {
      frames.withLock { frames in
        guard let frame = frames[shard] else { return nil }
        // A walk that is not done yet goes on, however old; a short one is made each time.
        let isShort = frame.rowCount <= WireLimits.rowCountMax
        let isOld = isShort || ContinuousClock.now - frame.began > Self.age
        return frame.isWhole && isOld ? nil : frame
      }
    }
    set {
      frames.withLock { frames in
        frames[shard] = newValue
        guard frames.count > Self.countMax else { return }
        if let oldest = frames.min(by: { $0.value.began < $1.value.began })?.key {
          frames[oldest] = nil
        }
      }
    }
  }
}

extension Gateway {
  /// Shards that one sample looks at: records are spread over shards by a hash of their ids, so a
  /// few shards are as good as all.
  private static let sampledShardCount = 8
  /// How long one request walks over ids.
  private static let walkTime = Duration.seconds(1)
  /// How long a shard may take for a step of it: one that is lost keeps nobody waiting.
  private static let shardTime = Duration.seconds(2)

  /// Different records, each as likely as any other: ranks are drawn, not ids. Shards that do not
  /// answer are left out.
  ///
  /// - Throws: What the shards failed with, if none answers.
  func sample(_ question: Question) async throws -> SampleAnswer {
    let count = try question.parameters.number("count", in: 1...GatewayLimits.sampleCountMax) ?? 48
    let collection = try await collection(question)
    let shards = (0..<collection.description.shardCount).shuffled()
      .prefix(Self.sampledShardCount).map { ShardKey(collection: collection.id, number: $0) }
    let frames = try await frames(of: shards)
    let total = frames.reduce(0) { $0 + $1.frame.rowCount }
    var isWhole = frames.count == shards.count && frames.allSatisfy(\.frame.isWhole)
    var found: [RecordAnswer] = []
    var ranks = Self.ranks(min(count, total), below: total)[...]
    var first = 0
    for (shard, frame) in frames {
      let own = ranks.prefix { $0 < first + frame.rowCount }
      ranks = ranks[own.endIndex...]
      do {
        found += try await records(at: own.map { $0 - first }, shard, frame)
      } catch {
        guard error.isRetryable else { throw error }
        isWhole = false
      }
      first += frame.rowCount
    }
    return SampleAnswer(records: found.shuffled(), drawnFrom: total, isWhole: isWhole)
  }

  /// The frames of those shards that answer.
  private func frames(
    of shards: [ShardKey]
  ) async throws -> [(shard: ShardKey, frame: SampleFrame)] {
    let deadline = ContinuousClock.now.advanced(by: Self.walkTime)
    return try await withThrowingTaskGroup(
      of: (ShardKey, Result<SampleFrame, ServiceError>).self
    ) { group in
      for shard in shards {
        group.addTask {
          do {
            return (shard, .success(try await self.frame(of: shard, until: deadline)))
          } catch let error as ServiceError {
            return (shard, .failure(error))
          }
        }
      }
      var frames: [(shard: ShardKey, frame: SampleFrame)] = []
      var failure: ServiceError?
      for try await (shard, result) in group {
        switch result {
        case .success(let frame): frames.append((shard, frame))
        case .failure(let error): failure = error
        }
      }
      if let failure, frames.isEmpty || !failure.isRetryable { throw failure }
      return frames
    }
  }

  /// Different numbers below a bound, every set of them as likely, ascending.
  static func ranks(_ count: Int, below bound: Int) -> [Int] {
    // Floyd's method.
    var chosen: Set<Int> = []
    for last in bound - count..<bound {
      let rank = Int.random(in: 0...last)
      if !chosen.insert(rank).inserted { chosen.insert(last) }
    }
    return chosen.sorted()
  }

  /// The frame of a shard, walked on with until it is whole or the time is over.
  private func frame(
    of shard: ShardKey, until deadline: ContinuousClock.Instant
  ) async throws(ServiceError) -> SampleFrame {
    var frame = samples[shard] ?? SampleFrame()
    if frame.isWhole { return frame }
    repeat {
      let reply = try await client.ask(
        ScanRequest(
          shard: shard, after: frame.last, rowCountMax: WireLimits.rowCountMax, parts: []),
        within: Self.shardTime)
      frame.add(reply.rows)
      frame.isWhole = reply.isLast
    } while !frame.isWhole && ContinuousClock.now < deadline
    samples[shard] = frame
    return frame
  }

  /// The records of some ranks of a shard, ascending; those that are gone since are left out.
  private func records(
    at ranks: [Int], _ shard: ShardKey, _ frame: SampleFrame
  ) async throws(ServiceError) -> [RecordAnswer] {
    var found: [RecordAnswer] = []
    var ranks = ranks[...]
    while let first = ranks.first {
      let mark = first / SampleFrame.step
      let own = ranks.prefix { $0 / SampleFrame.step == mark }
      ranks = ranks[own.endIndex...]
      let offsets = own.map { $0 % SampleFrame.step }
      let start = frame.marks[mark].rawValue
      let rows = try await client.ask(
        ScanRequest(
          shard: shard, after: start == 0 ? nil : ItemID(start - 1),
          rowCountMax: (offsets.last ?? 0) + 1, parts: [.images, .names]),
        within: Self.shardTime
      ).rows
      let isLast = mark + 1 == frame.marks.count
      for offset in offsets where offset < rows.rowCount {
        // What lies beyond the next mark has a rank of its own there.
        if !isLast, rows.id(offset) >= frame.marks[mark + 1] { continue }
        found.append(try Self.record(rows, offset))
      }
    }
    return found
  }
}
