import CoreMetrics
import Foundation
import Synchronization
import ThumbprintServer

/// What every process shows of itself, under the names that exporters of Prometheus share.
public final class ProcessMetrics: Sendable {
  private static let memory = MetricDescription(
    "process_resident_memory_bytes", .gauge,
    "Memory of this process that is in RAM, pages of its files included.")
  private static let files = MetricDescription(
    "process_open_fds", .gauge, "Files, sockets and the like that this process has open.")
  private static let fileMax = MetricDescription(
    "process_max_fds", .gauge, "The most that it may have open.")
  private static let processor = MetricDescription(
    "process_cpu_seconds_total", .counter, "Processor time of all threads of this process.")
  private static let started = MetricDescription(
    "process_start_time_seconds", .gauge, "When this process began, in seconds since 1970.")
  private static let build = MetricDescription(
    "thumbprint_build_info", .gauge, "1, with the version of this program.",
    label: "version", values: [Daemon.version])

  public static let descriptions = [memory, files, fileMax, processor, started, build]

  private let memory: GaugeFamily
  private let files: GaugeFamily
  private let fileMax: GaugeFamily
  private let processor: FloatingPointCounter
  private let started: GaugeFamily
  private let build: GaugeFamily
  private let processorSeconds = Mutex(0.0)

  public init(_ factory: any MetricsFactory) {
    memory = GaugeFamily(Self.memory, factory)
    files = GaugeFamily(Self.files, factory)
    fileMax = GaugeFamily(Self.fileMax, factory)
    processor = FloatingPointCounter(label: Self.processor.name, factory: factory)
    started = GaugeFamily(Self.started, factory)
    build = GaugeFamily(Self.build, factory)
    started.set(Int(Date().timeIntervalSince1970))
    build.set(1, Daemon.version)
  }

  public func update() {
    if let pages = Self.residentPageCount { memory.set(pages * sysconf(Int32(_SC_PAGESIZE))) }
    if let count = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count {
      // One of them was open to list them.
      files.set(count - 1)
    }
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      fileMax.set(Int(clamping: limit.rlim_cur))
    }
    let seconds = ProcessorTime.seconds
    let more = processorSeconds.withLock { last in
      defer { last = max(last, seconds) }
      return seconds - last
    }
    processor.increment(by: max(0, more))
  }

  /// The second number of `/proc/self/statm`.
  private static var residentPageCount: Int? {
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else {
      return nil
    }
    let numbers = text.split(separator: " ")
    return numbers.count > 1 ? Int(numbers[1]) : nil
  }
}
