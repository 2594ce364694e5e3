import Glibc
import ThumbprintCluster

extension MonotonicInstant {
  /// The moment of this call, on the machine's clock that never goes back.
  package static var now: MonotonicInstant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicInstant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }
}
