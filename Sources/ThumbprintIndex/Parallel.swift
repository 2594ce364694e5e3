import Dispatch

/// Work split over a number of threads.
package enum Parallel {
  /// Calls `body` once for every number in `0..<count`, on at most `threadCount` threads, and
  /// waits for all. The first error thrown is thrown on.
  package static func perform(
    _ count: Int, threadCount: Int, _ body: @Sendable (Int) throws -> Void
  ) throws {
    guard threadCount > 1, count > 1 else {
      for i in 0..<count { try body(i) }
      return
    }
    let threads = min(threadCount, count)
    let next = Locked(0)
    let failure = Locked<(any Error)?>(nil)
    DispatchQueue.concurrentPerform(iterations: threads) { _ in
      while true {
        let i = next.withLock { value in
          defer { value += 1 }
          return value
        }
        guard i < count, failure.withLock({ $0 == nil }) else { return }
        do {
          try body(i)
        } catch {
          failure.withLock { if $0 == nil { $0 = error } }
        }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }
}
