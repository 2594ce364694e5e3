import Foundation
import Glibc

/// What the kernel counts of this process.
struct ProcessCounters {
  var writtenByteCount = 0
  var deviceByteCount = 0
  var userSeconds = 0.0
  var systemSeconds = 0.0

  static func now() -> ProcessCounters {
    var counters = ProcessCounters()
    let text = (try? String(contentsOfFile: "/proc/self/io", encoding: .utf8)) ?? ""
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: " ")
      guard parts.count == 2, let value = Int(parts[1]) else { continue }
      if parts[0] == "wchar:" { counters.writtenByteCount = value }
      if parts[0] == "write_bytes:" { counters.deviceByteCount = value }
    }
    let usage = usage()
    counters.userSeconds = Double(usage.ru_utime.tv_sec) + Double(usage.ru_utime.tv_usec) / 1e6
    counters.systemSeconds = Double(usage.ru_stime.tv_sec) + Double(usage.ru_stime.tv_usec) / 1e6
    return counters
  }

  static var memoryByteCountMax: Int { usage().ru_maxrss * 1024 }

  private static func usage() -> rusage {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage
  }
}
