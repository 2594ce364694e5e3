import Dispatch
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintStorage

/// The map in a file of this machine: for one coordinator, with nothing else to run.
///
/// The folder has a lock, held while the store lives: a second coordinator cannot use it.
public final class LMDBMetadataStore: MetadataStore {
  private static let key = Array("map".utf8)
  private let environment: LMDBEnvironment
  private let lock: FileLock
  private let path: String
  /// A write transaction stays on one thread, and waits for the disk.
  private let queue = DispatchQueue(label: "thumbprint.metadata")

  /// Opens the store in a folder, which is made if it is not there.
  ///
  /// - Throws: `StoreError`: `locked`, `io`, `corrupt`.
  public init(folder: String) throws {
    try DurableFiles.createFolder(folder)
    lock = try FileLock(path: folder + "/lock")
    path = folder + "/cluster.mdb"
    environment = try LMDBEnvironment(path: path, databases: ["cluster"], readOnly: false)
  }

  public func read() async throws(MetadataStoreError) -> ClusterMap? {
    try await onQueue { try $0.stored() }
  }

  public func replace(
    with map: ClusterMap, expected: MapVersion?
  ) async throws(MetadataStoreError) -> Bool {
    try await onQueue { store in
      guard try store.stored()?.version == expected else { return false }
      let json = map.json()
      let sum = json.withUnsafeBytes { Checksum.of($0) }
      let value = json + withUnsafeBytes(of: sum.littleEndian) { Array($0) }
      try store.environment.write { try $0.put(0, Self.key, value) }
      return true
    }
  }

  /// Only on the queue, so that nothing comes between reading and writing.
  private func stored() throws -> ClusterMap? {
    let transaction = try environment.read()
    return try withExtendedLifetime(transaction) {
      guard let value = try transaction.value(0, Self.key) else { return nil }
      guard value.count > 8 else { throw damaged("\(value.count) bytes") }
      let json = UnsafeRawBufferPointer(rebasing: value[..<(value.count - 8)])
      let sum = UInt64(
        littleEndian: value.loadUnaligned(fromByteOffset: json.count, as: UInt64.self))
      guard Checksum.of(json) == sum else { throw damaged("another checksum") }
      return try ClusterMap(json: Array(json))
    }
  }

  private func damaged(_ found: String) -> MetadataStoreError {
    MetadataStoreError("\(path): the cluster map is damaged: found \(found)")
  }

  private func onQueue<R: Sendable>(
    _ body: @escaping @Sendable (LMDBMetadataStore) throws -> R
  ) async throws(MetadataStoreError) -> R {
    let result = await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: Result { try body(self) }) }
    }
    switch result {
    case .success(let value): return value
    case .failure(let error as MetadataStoreError): throw error
    case .failure(let error): throw MetadataStoreError("\(path): \(error)")
    }
  }
}
