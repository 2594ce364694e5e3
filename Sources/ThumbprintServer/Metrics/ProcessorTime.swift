import Glibc

/// Processor time of this process.
package enum ProcessorTime {
  /// Seconds that all of its threads have used.
  package static var seconds: Double {
    var time = timespec()
    guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return 0 }
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
