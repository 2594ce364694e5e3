import Dispatch
import Foundation

/// Time on a clock that never goes back, and time that the processor worked for this process.
struct Stopwatch {
  private let start = Self.now
  private let startCPU = Self.cpuSeconds

  var nanoseconds: UInt64 { Self.now - start }
  var seconds: Double { Double(nanoseconds) / 1e9 }
  /// Of all threads together.
  var cpuSeconds: Double { Self.cpuSeconds - startCPU }

  private static var now: UInt64 { DispatchTime.now().uptimeNanoseconds }

  private static var cpuSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
