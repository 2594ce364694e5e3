import Foundation
import Glibc
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintStorage
import ThumbprintTestKit

/// Works on a store and tells of every operation when it is acknowledged, until it is killed; or
/// fills a store until the disk takes no more. Started by the tests of the storage.
@main struct CrashChild {
  static func main() {
    let arguments = CommandLine.arguments
    do {
      switch arguments.dropFirst().first {
      case "work" where arguments.count == 4:
        try work(path: arguments[2], seed: UInt64(arguments[3]) ?? 0)
      case "fill" where arguments.count == 4:
        try fill(path: arguments[2], byteCountMax: Int(arguments[3]) ?? 0)
      case "fill-raw" where arguments.count == 4:
        try fillRaw(path: arguments[2], byteCountMax: Int(arguments[3]) ?? 0)
      case "copy" where arguments.count == 4:
        try copy(from: arguments[2], to: arguments[3])
      case "follow" where arguments.count == 5:
        try follow(arguments[2], by: arguments[3], seed: UInt64(arguments[4]) ?? 0)
      default:
        tell(
          "usage: work STORE SEED | fill STORE BYTES | fill-raw FILE BYTES | copy FILE FOLDER | follow FILE FILE SEED"
        )
      }
    } catch {
      tell("error \(error)")
      exit(1)
    }
  }

  /// One line, handed to the kernel at once: what is buffered here dies with the process.
  private static func tell(_ line: String) {
    var bytes = Array((line + "\n").utf8)
    let count = bytes.count
    _ = bytes.withUnsafeMutableBytes { write(STDOUT_FILENO, $0.baseAddress, count) }
  }

  private static func work(path: String, seed: UInt64) throws {
    let store = try LocalStore(path: path, access: .readWrite, limits: .tiny)
    let collection = try store.collection("c")
    tell("open")
    for number in 0... {
      try apply(StoreOperation.make(seed: seed, number: number), to: collection)
      tell("done \(number)")
    }
  }

  private static func apply(
    _ operation: StoreOperation, to collection: LocalCollection
  ) throws {
    switch operation {
    case .upsert(let records): _ = try collection.upsert(records)
    case .delete(let ids): _ = try collection.delete(ids)
    case .load(let records):
      _ = try collection.load(source: MemorySource(records: records), options: LoadOptions()) {
        _ in
      }
    case .seal: try collection.seal()
    case .compact: try collection.compact()
    }
  }

  /// Copies a shard into the folder of a worker, in small parts.
  private static func copy(from path: String, to folder: String) throws {
    let primary = try Shard(path: path, readOnly: true)
    let source = try primary.copySource()
    let store = try ReplicaStore(path: folder)
    let key = source.meta.key
    if try store.replicas().first?.isComplete != true {
      let copy = try store.copy(of: key)
      for item in try copy.begin(source.manifest) {
        var offset = 0
        while offset < item.byteCount {
          let part = try source.read(item: item.index, offset: offset, count: 5_000)
          try copy.put(item: item.index, offset: offset, part)
          offset += part.count
        }
        try copy.flush()
        tell("item \(item.index)")
      }
      _ = try store.finishCopy(of: key)
    }
    guard try store.shard(key).meta.digest == source.meta.digest else {
      return tell("error: another digest")
    }
    tell("copied")
  }

  /// Applies the log of one shard to another, in parts of random sizes, and tells how far it is.
  private static func follow(_ primary: String, by follower: String, seed: UInt64) throws {
    let primary = try Shard(path: primary, readOnly: true)
    let follower = try Shard(
      path: follower, readOnly: false, limits: .tiny, retention: .standard)
    var random = SplitMix64(seed: seed)
    let term = try primary.meta.term
    tell("open")
    while true {
      let read = try primary.logEntries(
        after: try follower.position, byteCountMax: Int.random(in: 1...60_000, using: &random))
      guard case .entries(let payloads) = read else { return tell("error \(read)") }
      if payloads.isEmpty { return tell("end") }
      let position = try follower.apply(payloads, primaryTerm: term)
      tell("at \(position.sequence.rawValue)")
    }
  }

  /// Keeps files of this process from growing beyond a size: a disk of that size, for a process.
  private static func limitFiles(to byteCount: Int) {
    if byteCount == 0 { return }
    signal(SIGXFSZ, SIG_IGN)
    var limit = rlimit(rlim_cur: rlim_t(byteCount), rlim_max: rlim_t(byteCount))
    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
  }

  /// Loads until the disk is full; then the store must open, answer, delete and check.
  private static func fill(path: String, byteCountMax: Int) throws {
    limitFiles(to: byteCountMax)
    var store = try LocalStore(path: path, access: .readWrite, limits: .tiny)
    try store.createCollection("c", shardCount: 2, profile: .small, coder: nil)
    var generator = RecordGenerator(seed: 1)
    var stored: [ItemID: Record] = [:]
    var failure: StoreError?
    while failure == nil {
      let records = (0..<500).map { generator.record(id: ItemID(UInt64(stored.count + $0))) }
      do {
        _ = try store.collection("c").load(
          source: MemorySource(records: records), options: LoadOptions()
        ) { _ in }
        for record in records { stored[record.id] = record }
      } catch let error as StoreError {
        failure = error
      }
    }
    tell("failed \(failure.map { "\($0.code) \($0)" } ?? "")")
    store.close()
    store = try LocalStore(path: path, access: .readWrite, limits: .tiny)
    let collection = try store.collection("c")
    let found = try collection.records(stored.keys.sorted())
    guard found == stored.keys.sorted().map({ stored[$0] }) else { return tell("lost records") }
    guard let record = stored.values.first else { return tell("stored nothing") }
    let answer = try collection.search(
      SearchQuery(feature: record.feature, extent: .nearest(1)))
    guard answer.matches.first?.distance == 0 else { return tell("no answer") }
    let deleted = try collection.delete([record.id]).deleted
    let report = try collection.check()
    tell("ok deleted \(deleted) problems \(report.problems.count)")
  }

  /// Lets the library itself run into the end of the disk, without asking beforehand.
  private static func fillRaw(path: String, byteCountMax: Int) throws {
    let environment = try LMDBEnvironment(path: path, databases: ["data"], readOnly: false)
    limitFiles(to: byteCountMax)
    let value = [UInt8](repeating: 7, count: 300_000)
    var count: UInt8 = 0
    var failure: StoreError?
    while failure == nil, count < 255 {
      do {
        try environment.write { try $0.put(0, [count], value) }
        count += 1
      } catch let error as StoreError {
        failure = error
      }
    }
    tell("failed \(failure.map { "\($0.code)" } ?? "")")
    try environment.write { _ = try $0.remove(0, [0]) }
    let transaction = try environment.read()
    var found = 0
    try transaction.forEach(0) { _, bytes in
      if bytes.elementsEqual(value) { found += 1 }
      return true
    }
    tell("ok \(Int(count) - 1 == found)")
  }
}
