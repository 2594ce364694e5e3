import Foundation
import Glibc
import ThumbprintCodes
import ThumbprintIndex

/// Measures a load against what the same disk does with the same bytes.
///
/// One run writes the records as one plain file, synced once at the end; then loads them into a
/// new collection. Both come from the same array of random codes, made before the clock starts.
public enum LoadBenchmark {
  public struct Report: Sendable, Hashable, Codable {
    public var recordCount: Int
    public var shardCount: Int
    /// Bytes of a record: 576.
    public var recordByteCount: Int
    /// To write and sync the plain file: the mean of one run before and one after the load,
    /// since the speed of a shared disk changes while one looks.
    public var plainSeconds: Double
    public var plainSecondsBefore: Double
    public var plainSecondsAfter: Double
    /// Until every record was durable, indexed and checked against the digest of the dataset.
    public var loadSeconds: Double
    public var sealingSeconds: Double
    /// Processor time of the load, all threads, in the program and in the kernel for it.
    public var userSeconds: Double
    public var systemSeconds: Double
    public var recordsPerSecond: Double
    /// The speed of the load over that of the plain file; at least 1/3 is the promise.
    public var speedRatio: Double
    /// Bytes handed to the file system by the load, and per byte of the records.
    public var writtenByteCount: Int
    public var writtenPerRecordByte: Double
    /// Bytes that went to the device, as the kernel counts them; 0 on a file system in memory.
    public var deviceByteCount: Int
    /// The most memory that the process had, over its life.
    public var memoryByteCountMax: Int
    /// To open the loaded collection, and to answer the first query after it was warmed.
    public var openSeconds: Double
    public var warmSeconds: Double
    public var firstQuerySeconds: Double
    /// Of queries not asked before, the median.
    public var querySeconds: Double
    /// To replace one record durably, and to answer the query after it, medians.
    public var upsertSeconds: Double
    public var queryAfterUpsertSeconds: Double
    public var fileByteCount: Int
    public var indexByteCount: Int
    public var digest: String
  }

  /// Runs in `directory`, in which it makes and removes files: about 4 KiB a record.
  ///
  /// - Parameter recordCount: At least 1.
  /// - Throws: ``StoreError``, `CodedDatasetError`.
  public static func run(
    directory: String, recordCount: Int, shardCount: Int = 1,
    profile: IndexProfile = .standard, progress: (LoadProgress) -> Void = { _ in }
  ) throws -> Report {
    guard recordCount >= 1 else {
      throw StoreError(.invalid, "\(recordCount) records cannot be loaded; give at least 1")
    }
    let folder = directory + "/thumbprint-load-benchmark-\(getpid())"
    try DurableFiles.createFolder(folder)
    defer {
      // Removing what the benchmark made has nothing to add to its outcome.
      try? DurableFiles.removeFolder(folder)
    }
    let dataset = try makeDataset(folder + "/dataset", recordCount: recordCount)
    let before = try writePlainFile(dataset, to: folder + "/plain")
    var report = try load(
      dataset, into: folder + "/store", shardCount: shardCount, profile: profile,
      progress: progress)
    let after = try writePlainFile(dataset, to: folder + "/plain")
    try measureWrites(folder + "/store", dataset, into: &report)
    report.plainSecondsBefore = before
    report.plainSecondsAfter = after
    report.plainSeconds = (before + after) / 2
    report.speedRatio = report.plainSeconds / report.loadSeconds
    return report
  }

  /// Random codes, in groups of four near ones, under ids in no order.
  private static func makeDataset(_ path: String, recordCount: Int) throws -> CodedDataset {
    var random = SplitMix64(seed: 1)
    let writer = try CodedDatasetWriter(path: path, coder: nil, createdBy: "load benchmark")
    var feature = FeatureCode()
    var image = ImageCode()
    for i in 0..<recordCount {
      feature.withUnsafeMutableBytes { bytes in
        if i % 4 == 0 {
          for word in 0..<64 {
            bytes.storeBytes(of: random.next(), toByteOffset: 8 * word, as: UInt64.self)
          }
        }
        // Near codes differ in a few dozen bits.
        for _ in 0..<48 {
          let bit = Int(random.next() >> 52)
          bytes[bit / 8] ^= 0x80 >> UInt8(bit % 8)
        }
      }
      image.withUnsafeMutableBytes { bytes in
        for word in 0..<8 {
          bytes.storeBytes(of: random.next(), toByteOffset: 8 * word, as: UInt64.self)
        }
      }
      try writer.append(
        Record(
          id: ItemID(UInt64(i) &* 0x9E37_79B9_7F4A_7C15), feature: feature, image: image))
    }
    _ = try writer.finish()
    return try CodedDataset(path: path)
  }

  /// Writes as many bytes as the records have into one file, from memory that is ready, and
  /// syncs it: what the disk can do.
  private static func writePlainFile(_ dataset: CodedDataset, to path: String) throws -> Double {
    let rowByteCount = FeatureCode.byteCount + ImageCode.byteCount
    let chunkRowCount = 16_384
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: chunkRowCount * rowByteCount, alignment: 4096)
    defer { buffer.deallocate() }
    for row in 0..<min(chunkRowCount, dataset.count) {
      dataset.feature(at: row).withUnsafeBytes {
        UnsafeMutableRawBufferPointer(rebasing: buffer[(row * rowByteCount)...])
          .copyMemory(from: $0)
      }
    }
    let start = Date()
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw StoreError.system(errno, "cannot write", path: path) }
    defer {
      close(descriptor)
      unlink(path)
    }
    for first in stride(from: 0, to: dataset.count, by: chunkRowCount) {
      let byteCount = min(chunkRowCount, dataset.count - first) * rowByteCount
      guard write(descriptor, buffer.baseAddress, byteCount) == byteCount else {
        throw StoreError.system(errno, "cannot write", path: path)
      }
    }
    guard fsync(descriptor) == 0 else {
      throw StoreError.system(errno, "cannot sync", path: path)
    }
    return Date().timeIntervalSince(start)
  }

  private static func load(
    _ dataset: CodedDataset, into path: String, shardCount: Int, profile: IndexProfile,
    progress: (LoadProgress) -> Void
  ) throws -> Report {
    let store = try LocalStore(path: path, access: .readWrite)
    try store.createCollection("c", shardCount: shardCount, profile: profile, coder: nil)
    let before = ProcessCounters.now()
    let loaded = try store.collection("c").load(dataset, progress: progress)
    let after = ProcessCounters.now()
    let stats = try store.collection("c").stats()
    let memory = ProcessCounters.memoryByteCountMax
    store.close()

    let opening = Date()
    let reopened = try LocalStore(path: path, access: .readOnly)
    defer { reopened.close() }
    let collection = try reopened.collection("c")
    let openSeconds = Date().timeIntervalSince(opening)
    let warming = Date()
    try collection.warm()
    let warmSeconds = Date().timeIntervalSince(warming)
    let query = SearchQuery(
      feature: dataset.feature(at: dataset.count / 2), extent: .nearest(4))
    let asking = Date()
    let answer = try collection.search(query)
    let querySeconds = Date().timeIntervalSince(asking)
    guard answer.matches.first?.distance == 0 else {
      throw StoreError(.corrupt, "a loaded record is not found again", path: path)
    }
    let rowByteCount = FeatureCode.byteCount + ImageCode.byteCount
    let written = after.writtenByteCount - before.writtenByteCount
    return Report(
      recordCount: dataset.count, shardCount: shardCount, recordByteCount: rowByteCount,
      plainSeconds: 0, plainSecondsBefore: 0, plainSecondsAfter: 0,
      loadSeconds: loaded.seconds, sealingSeconds: loaded.sealingSeconds,
      userSeconds: after.userSeconds - before.userSeconds,
      systemSeconds: after.systemSeconds - before.systemSeconds,
      recordsPerSecond: Double(dataset.count) / loaded.seconds, speedRatio: 0,
      writtenByteCount: written,
      writtenPerRecordByte: Double(written) / Double(dataset.count * rowByteCount),
      deviceByteCount: after.deviceByteCount - before.deviceByteCount,
      memoryByteCountMax: memory, openSeconds: openSeconds, warmSeconds: warmSeconds,
      firstQuerySeconds: querySeconds, querySeconds: try medianQuerySeconds(collection, dataset),
      upsertSeconds: 0, queryAfterUpsertSeconds: 0, fileByteCount: stats.fileByteCount,
      indexByteCount: stats.indexByteCount, digest: stats.digest.description)
  }
}

extension LoadBenchmark {
  private static let sampleCount = 21

  private static func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = Date()
    try body()
    return Date().timeIntervalSince(start)
  }

  private static func median(_ values: [Double]) -> Double {
    values.sorted()[values.count / 2]
  }

  private static func query(_ dataset: CodedDataset, _ number: Int) -> SearchQuery {
    SearchQuery(
      feature: dataset.feature(at: number * 7919 % dataset.count), extent: .nearest(4))
  }

  private static func medianQuerySeconds(
    _ collection: LocalCollection, _ dataset: CodedDataset
  ) throws -> Double {
    median(
      try (1...sampleCount).map { number in
        try seconds { _ = try collection.search(query(dataset, number)) }
      })
  }

  private static func measureWrites(
    _ path: String, _ dataset: CodedDataset, into report: inout Report
  ) throws {
    let store = try LocalStore(path: path, access: .readWrite)
    defer { store.close() }
    let collection = try store.collection("c")
    try collection.warm()
    var upserts: [Double] = []
    var queries: [Double] = []
    for number in 1...sampleCount {
      let record = try dataset.record(at: number * 104_729 % dataset.count)
      upserts.append(try seconds { _ = try collection.upsert([record]) })
      queries.append(try seconds { _ = try collection.search(query(dataset, number)) })
    }
    report.upsertSeconds = median(upserts)
    report.queryAfterUpsertSeconds = median(queries)
  }
}

/// What the kernel counts of this process.
private struct ProcessCounters {
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
