import Foundation
import Glibc
import ThumbprintCodes
import ThumbprintIndex

/// Measures loads against what the same disk does with the same bytes.
///
/// Writes the records as one plain file, synced once at the end; loads them into a new
/// collection; writes the plain file again, and so on in turns, since the speed of a shared disk
/// changes while one looks. All come from the same array of random codes, made before.
public enum LoadBenchmark {
  public struct Report: Sendable, Hashable, Codable {
    public var recordCount: Int
    public var shardCount: Int
    /// Bytes of a record: 576.
    public var recordByteCount: Int
    /// To write and sync the plain file: before each load, and after the last.
    public var plainSeconds: [Double]
    public var loads: [Load]
    /// Medians.
    public var plainSecondsMedian: Double
    public var loadSecondsMedian: Double
    /// Of the load of median time.
    public var recordsPerSecond: Double
    /// The median speed of the loads over that of the plain files; at least 1/3 is the promise.
    public var speedRatio: Double
    /// The most bytes that a load handed to the file system, per byte of the records.
    public var writtenPerRecordByte: Double
    /// The most memory that the process had, over its life up to the end of the last load.
    public var memoryByteCountMax: Int
    /// The rest is of the collection loaded last.
    public var reopened: Reopened
    public var fileByteCount: Int
    public var indexByteCount: Int
    public var digest: String
  }

  /// One load into a new collection.
  public struct Load: Sendable, Hashable, Codable {
    /// Until every record was durable, indexed and checked against the digest of the dataset.
    public var seconds: Double
    /// The part of it after the last record was durable.
    public var sealingSeconds: Double
    /// Processor time of all threads, in the program and in the kernel for it.
    public var userSeconds: Double
    public var systemSeconds: Double
    /// Bytes handed to the file system.
    public var writtenByteCount: Int
    /// Bytes that went to the device, as the kernel counts them; 0 on a file system in memory.
    public var deviceByteCount: Int
  }

  /// A collection that was closed and opened again.
  public struct Reopened: Sendable, Hashable, Codable {
    public var openSeconds: Double
    public var warmSeconds: Double
    /// The first query after warming.
    public var firstQuerySeconds: Double
    /// Of queries not asked before, the median.
    public var querySeconds: Double
    /// To replace one record durably, and to answer the query after it, medians.
    public var upsertSeconds: Double
    public var queryAfterUpsertSeconds: Double
  }

  /// Runs in `directory`, in which it makes and removes files: about 4 KiB a record at a time.
  ///
  /// - Parameters:
  ///   - recordCount: At least 1.
  ///   - repeatCount: Loads, at least 1; there is one plain file more.
  /// - Throws: ``StoreError``, `CodedDatasetError`.
  public static func run(
    directory: String, recordCount: Int, shardCount: Int = 1, repeatCount: Int = 3,
    profile: IndexProfile = .standard, progress: (LoadProgress) -> Void = { _ in }
  ) throws -> Report {
    guard recordCount >= 1, repeatCount >= 1 else {
      throw StoreError(
        .invalid, "\(recordCount) records cannot be loaded \(repeatCount) times; give at least 1")
    }
    let folder = directory + "/thumbprint-load-benchmark-\(getpid())"
    try DurableFiles.createFolder(folder)
    defer {
      // Removing what the benchmark made has nothing to add to its outcome.
      try? DurableFiles.removeFolder(folder)
    }
    let dataset = try makeDataset(folder + "/dataset", recordCount: recordCount)
    let store = folder + "/store"
    var plainSeconds = [try writePlainFile(dataset, to: folder + "/plain")]
    var loads: [Load] = []
    while true {
      // No run pays for what the file system still holds of the one before.
      sync()
      loads.append(
        try load(
          dataset, into: store, shardCount: shardCount, profile: profile, progress: progress))
      sync()
      plainSeconds.append(try writePlainFile(dataset, to: folder + "/plain"))
      if loads.count == repeatCount { break }
      try DurableFiles.removeFolder(store)
    }
    let memory = ProcessCounters.memoryByteCountMax
    let rowByteCount = FeatureCode.byteCount + ImageCode.byteCount
    let loadSeconds = median(loads.map(\.seconds))
    let plain = median(plainSeconds)
    let reopened = try measureReopening(store, dataset)
    let stats = try stats(store)
    return Report(
      recordCount: recordCount, shardCount: shardCount, recordByteCount: rowByteCount,
      plainSeconds: plainSeconds, loads: loads, plainSecondsMedian: plain,
      loadSecondsMedian: loadSeconds, recordsPerSecond: Double(recordCount) / loadSeconds,
      speedRatio: plain / loadSeconds,
      writtenPerRecordByte: Double(loads.map(\.writtenByteCount).max() ?? 0)
        / Double(recordCount * rowByteCount),
      memoryByteCountMax: memory, reopened: reopened, fileByteCount: stats.fileByteCount,
      indexByteCount: stats.indexByteCount, digest: stats.digest.description)
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
  ) throws -> Load {
    let store = try LocalStore(path: path, access: .readWrite)
    defer { store.close() }
    try store.createCollection("c", shardCount: shardCount, profile: profile, coder: nil)
    let collection = try store.collection("c")
    let before = ProcessCounters.now()
    let loaded = try collection.load(dataset, progress: progress)
    let after = ProcessCounters.now()
    return Load(
      seconds: loaded.seconds, sealingSeconds: loaded.sealingSeconds,
      userSeconds: after.userSeconds - before.userSeconds,
      systemSeconds: after.systemSeconds - before.systemSeconds,
      writtenByteCount: after.writtenByteCount - before.writtenByteCount,
      deviceByteCount: after.deviceByteCount - before.deviceByteCount)
  }

  private static func stats(_ path: String) throws -> CollectionStats {
    let store = try LocalStore(path: path, access: .readOnly)
    defer { store.close() }
    return try store.collection("c").stats()
  }
}

extension LoadBenchmark {
  private static let sampleCount = 21

  private static func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = Date()
    try body()
    return Date().timeIntervalSince(start)
  }

  /// Of an even count the mean of the two in the middle.
  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
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

  private static func measureReopening(
    _ path: String, _ dataset: CodedDataset
  ) throws -> Reopened {
    let opening = Date()
    let store = try LocalStore(path: path, access: .readWrite)
    defer { store.close() }
    let collection = try store.collection("c")
    let openSeconds = Date().timeIntervalSince(opening)
    let warmSeconds = try seconds { try collection.warm() }
    var answer: SearchAnswer?
    let firstSeconds = try seconds {
      answer = try collection.search(query(dataset, 0))
    }
    guard answer?.matches.first?.distance == 0 else {
      throw StoreError(.corrupt, "a loaded record is not found again", path: path)
    }
    let querySeconds = try medianQuerySeconds(collection, dataset)
    var upserts: [Double] = []
    var queries: [Double] = []
    for number in 1...sampleCount {
      let record = try dataset.record(at: number * 104_729 % dataset.count)
      upserts.append(try seconds { _ = try collection.upsert([record]) })
      queries.append(try seconds { _ = try collection.search(query(dataset, number)) })
    }
    return Reopened(
      openSeconds: openSeconds, warmSeconds: warmSeconds, firstQuerySeconds: firstSeconds,
      querySeconds: querySeconds, upsertSeconds: median(upserts),
      queryAfterUpsertSeconds: median(queries))
  }
}
