import Dispatch
import Synchronization

/// Work on several threads whose result does not depend on how many there are.
public enum Parallel {
  /// Calls `body` once for every index in `0..<count`, on at most `threadCount` threads.
  ///
  /// Threads take the next index as they get free, so `body` must write only to what belongs to its
  /// index; then the outcome is the same on any number of threads. Blocks the calling thread, which
  /// takes part: call it from a thread of your own, not from a Swift task.
  public static func forEach(
    _ count: Int, threadCount: Int, _ body: (Int) -> Void
  ) {
    let threads = min(threadCount, count)
    if threads <= 1 {
      for index in 0..<count { body(index) }
      return
    }
    withoutActuallyEscaping(body) { body in
      // Safe: the calls end before `body` does, and each index is given out once.
      nonisolated(unsafe) let run = body
      let next = Counter()
      DispatchQueue.concurrentPerform(iterations: threads) { _ in
        while let index = next.take(below: count) { run(index) }
      }
    }
  }

  /// The same for work that may fail; what was not begun when something failed is not begun any more.
  ///
  /// - Throws: Of the errors, that of the first index.
  public static func tryForEach(
    _ count: Int, threadCount: Int, _ body: (Int) throws -> Void
  ) throws {
    let failure = Mutex<(index: Int, error: any Error)?>(nil)
    forEach(count, threadCount: threadCount) { index in
      if failure.withLock({ $0 != nil }) { return }
      do {
        try body(index)
      } catch {
        failure.withLock {
          if $0.map({ index < $0.index }) ?? true { $0 = (index, error) }
        }
      }
    }
    if let failure = failure.withLock({ $0 }) { throw failure.error }
  }
}
