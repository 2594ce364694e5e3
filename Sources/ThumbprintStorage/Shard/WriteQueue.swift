import Dispatch
import Synchronization
import ThumbprintCodes

/// A change that a caller waits for.
struct WriteOperation: Sendable {
  enum Change: Sendable {
    case upsert(RowBatch)
    /// Ids, ascending, each once.
    case delete([UInt64])
  }

  var change: Change
  /// Of the primary that writes; `nil` outside a cluster. A primary leaves out rows that are
  /// stored already with the same content.
  var term: Term?

  var idCount: Int {
    switch change {
    case .upsert(let batch): batch.rowCount
    case .delete(let ids): ids.count
    }
  }
}

/// What a caller is told of a change that is on disk.
struct WriteOutcome: Sendable {
  var receipt: WriteReceipt
  /// The log holds the change up to here.
  var position: LogPosition
}

/// Lets writers that wait for the same shard share a transaction, and so a sync of the disk.
///
/// The first to come leads: it takes what has gathered, applies it as one, and hands each caller
/// its own result; then it passes the lead to the next that waits. Operations take effect in the
/// order in which they came.
final class WriteQueue: Sendable {
  /// The most ids that one transaction changes, unless one operation alone has more.
  static let idCountMax = BlockHeader.rowCountMax

  /// `@unchecked Sendable` is safe because `outcome` is set by the leader before it signals
  /// `done`, and read by the waiter after.
  private final class Waiter: @unchecked Sendable {
    enum Outcome {
      case result(Result<WriteOutcome, any Error>)
      case lead
    }
    let operation: WriteOperation
    let done = DispatchSemaphore(value: 0)
    var outcome: Outcome?

    init(_ operation: WriteOperation) { self.operation = operation }
  }

  private struct State {
    var waiting: [Waiter] = []
    var isLed = false
  }

  private let state = Mutex(State())

  /// Applies `operation`, together with others, by `apply`, and returns its own result.
  func submit(
    _ operation: WriteOperation,
    apply: ([WriteOperation]) throws -> [WriteOutcome]
  ) throws -> WriteOutcome {
    let waiter = Waiter(operation)
    let leads = state.withLock { state in
      state.waiting.append(waiter)
      defer { state.isLed = true }
      return !state.isLed
    }
    if !leads {
      waiter.done.wait()
      if case .result(let result) = waiter.outcome { return try result.get() }
    }
    return try lead(waiter, apply: apply).get()
  }

  /// `waiter` is the first in the queue.
  private func lead(
    _ waiter: Waiter, apply: ([WriteOperation]) throws -> [WriteOutcome]
  ) -> Result<WriteOutcome, any Error> {
    let group = takeGroup()
    let results: [Result<WriteOutcome, any Error>]
    do {
      let outcomes = try apply(group.map(\.operation))
      results = outcomes.map { .success($0) }
    } catch {
      results = group.map { _ in .failure(error) }
    }
    for (member, result) in zip(group, results) where member !== waiter {
      member.outcome = .result(result)
      member.done.signal()
    }
    let next = state.withLock { state in
      state.isLed = !state.waiting.isEmpty
      return state.waiting.first
    }
    if let next {
      next.outcome = .lead
      next.done.signal()
    }
    return results[0]
  }

  private func takeGroup() -> [Waiter] {
    state.withLock { state in
      var count = 0
      var idCount = 0
      for waiter in state.waiting {
        idCount += waiter.operation.idCount
        if count > 0 && idCount > Self.idCountMax { break }
        if waiter.operation.term != state.waiting[0].operation.term { break }
        count += 1
      }
      let group = Array(state.waiting.prefix(count))
      state.waiting.removeFirst(count)
      return group
    }
  }
}
