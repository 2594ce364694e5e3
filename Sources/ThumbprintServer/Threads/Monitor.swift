import Foundation
import Glibc
import ThumbprintCluster

/// A value behind a lock, and threads that wait for it to change.
///
/// `@unchecked Sendable` is safe because `state` is touched only with the lock held.
final class Monitor<State: Sendable>: @unchecked Sendable {
  private var state: State
  private let lock: UnsafeMutablePointer<pthread_mutex_t>
  private let changed: UnsafeMutablePointer<pthread_cond_t>

  init(_ state: State) {
    self.state = state
    lock = .allocate(capacity: 1)
    lock.initialize(to: pthread_mutex_t())
    pthread_mutex_init(lock, nil)
    changed = .allocate(capacity: 1)
    changed.initialize(to: pthread_cond_t())
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    // Waits end by the clock of ``MonotonicInstant/now``.
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(changed, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(changed)
    changed.deallocate()
    pthread_mutex_destroy(lock)
    lock.deallocate()
  }

  /// Changes the value, and wakes those who wait: all, or one if any one will do.
  func change<R: Sendable>(wakingOne: Bool = false, _ body: (inout State) -> R) -> R {
    pthread_mutex_lock(lock)
    defer {
      pthread_mutex_unlock(lock)
      if wakingOne { pthread_cond_signal(changed) } else { pthread_cond_broadcast(changed) }
    }
    return body(&state)
  }

  /// Waits until `body` returns something, or until `deadline` has passed.
  func wait<R: Sendable>(
    until deadline: MonotonicInstant? = nil, _ body: (inout State) -> R?
  ) -> R? {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    while true {
      if let result = body(&state) { return result }
      guard let deadline else {
        pthread_cond_wait(changed, lock)
        continue
      }
      let nanoseconds = max(0, deadline.nanoseconds)
      var time = timespec()
      time.tv_sec = Int(nanoseconds / 1_000_000_000)
      time.tv_nsec = Int(nanoseconds % 1_000_000_000)
      if pthread_cond_timedwait(changed, lock, &time) == ETIMEDOUT { return body(&state) }
    }
  }
}

/// A thread of this process's own: it may block, and nobody else's work waits for it.
enum OwnThread {
  /// Starts a thread; it ends when `body` returns.
  ///
  /// - Parameter name: For debuggers, which show its first 15 characters.
  static func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
    let thread = Thread(block: body)
    thread.name = name
    thread.start()
  }
}
