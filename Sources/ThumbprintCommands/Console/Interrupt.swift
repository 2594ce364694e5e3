import Dispatch
import Foundation
import Synchronization
import ThumbprintStorage
import ThumbprintWire

/// Turns a first Ctrl-C or SIGTERM into a request that long work looks at between its steps.
/// A second one ends the process at once, as if there were no handler.
enum Interrupt {
  private static let requested = Atomic<Bool>(false)

  /// Whether the user has asked to stop since ``watch()``.
  static var isRequested: Bool { requested.load(ordering: .relaxed) }

  /// Waits so many seconds, or until the user asks to stop.
  static func sleep(_ seconds: Double) {
    let end = Progress.now + seconds
    while !isRequested, Progress.now < end {
      usleep(UInt32(min(0.05, max(0, end - Progress.now)) * 1e6))
    }
  }

  /// Does long work of a store or a cluster that looks at the request by itself; `nil` if it ended
  /// early for it.
  static func unlessRequested<R>(_ body: () throws -> R) throws -> R? {
    do {
      return try body()
    } catch let error as StoreError where error.code == .cancelled && isRequested {
      return nil
    } catch let error as ServiceError where error.code == .cancelled && isRequested {
      return nil
    }
  }

  /// Starts watching, for as long as the returned value lives.
  static func watch() -> Watch { Watch() }

  final class Watch {
    private let sources: [any DispatchSourceSignal]

    fileprivate init() {
      sources = [SIGINT, SIGTERM].map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler {
          Interrupt.requested.store(true, ordering: .relaxed)
          signal(number, SIG_DFL)
        }
        source.resume()
        return source
      }
    }

    deinit {
      for source in sources { source.cancel() }
      for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
    }
  }
}
