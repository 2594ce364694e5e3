import ThumbprintCluster
import ThumbprintCodes
import ThumbprintStorage

/// The thread that does what one replica has to do on its disk, in order.
///
/// Writes that wait side by side become one transaction, and so share one sync of the disk.
final class ReplicaDisk: Sendable {
  /// A write whose rows are ready.
  struct Write: Sendable {
    var prepared: PreparedWrite
    var term: Term
    /// Told when it is on the disk, or why not.
    var completed:
      @Sendable (Result<(receipt: WriteReceipt, position: LogPosition), any Error>) -> Void
  }

  private enum Job: Sendable {
    case write(Write)
    case task(@Sendable () -> Void)
  }

  private struct State {
    var jobs = Fifo<Job>()
    var isClosed = false
    var hasEnded = false
  }

  /// What one transaction holds at most, unless one write alone has more: a block of rows, and
  /// what its entry of the log takes in one message.
  private static let idCountMax = 16_384
  private static let byteCountMax = 12 << 20

  private let state = Monitor(State())

  /// - Parameter shard: Finds the replica; called on the thread alone.
  init(
    name: String, metrics: WorkerMetrics, shard: @escaping @Sendable () throws -> Shard
  ) {
    OwnThread.start(name) { [state] in
      while let jobs = Self.take(state) {
        var writes: [Write] = []
        for job in jobs {
          switch job {
          case .task(let task): task()
          case .write(let write): writes.append(write)
          }
        }
        if !writes.isEmpty { Self.run(writes, metrics, shard) }
      }
      state.change { $0.hasEnded = true }
    }
  }

  /// One task, or writes of one term that go together.
  private static func take(_ state: Monitor<State>) -> [Job]? {
    let jobs: [Job]? = state.wait { state in
      if state.isClosed { return [] }
      guard let first = state.jobs.pop() else { return nil }
      guard case .write(let write) = first else { return [first] }
      var group = [first]
      var idCount = write.prepared.idCount
      var byteCount = write.prepared.byteCount
      while case .write(let next) = state.jobs.first, next.term == write.term {
        idCount += next.prepared.idCount
        byteCount += next.prepared.byteCount
        if idCount > idCountMax || byteCount > byteCountMax { break }
        if let job = state.jobs.pop() { group.append(job) }
      }
      return group
    }
    return jobs?.isEmpty == false ? jobs : nil
  }

  private static func run(
    _ writes: [Write], _ metrics: WorkerMetrics, _ shard: () throws -> Shard
  ) {
    let began = MonotonicInstant.now
    do {
      let (receipts, position) = try shard().write(writes.map(\.prepared), term: writes[0].term)
      metrics.wrote(writes.count, isDone: true, since: began)
      for (write, receipt) in zip(writes, receipts) {
        write.completed(.success((receipt, position)))
      }
    } catch {
      metrics.wrote(writes.count, isDone: false, since: began)
      for write in writes { write.completed(.failure(error)) }
    }
  }

  func submit(_ write: Write) {
    state.change { if !$0.isClosed { $0.jobs.push(.write(write)) } }
  }

  func submit(_ task: @escaping @Sendable () -> Void) {
    state.change { if !$0.isClosed { $0.jobs.push(.task(task)) } }
  }

  /// Ends the thread after what it is at, drops the rest, and waits for that.
  func close() {
    state.change { state in
      state.isClosed = true
      state.jobs = Fifo()
    }
    _ = state.wait { $0.hasEnded ? true : nil }
  }
}
