import Foundation
import Testing
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintServer
import ThumbprintStorage

/// What every store of the cluster map has to do.
enum MetadataStoreConformance {
  static func check(_ open: () throws -> any MetadataStore) async throws {
    let map = ClusterMap(clusterID: ClusterID(high: 1, low: 2))
    do {
      let store = try open()
      #expect(try await store.read() == nil)
      // Nothing is replaced that is not there.
      #expect(try await !store.replace(with: map, expected: MapVersion(0)))
      #expect(try await store.replace(with: map, expected: nil))
      #expect(try await store.read() == map)
      #expect(try await !store.replace(with: map, expected: nil))
    }
    // It survives the store, and of many that want to replace it one does.
    let store = try await reopened(open)
    #expect(try await store.read() == map)
    let name = try #require(WorkerName("a"))
    let address = try #require(WorkerAddress("127.0.0.1:1"))
    let next = try map.applying([
      .registerWorker(name, address: address, capacityByteCount: 1)
    ])
    let wins = try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 {
        group.addTask {
          try await store.replace(with: next, expected: map.version)
        }
      }
      return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(wins == 1)
    #expect(try await store.read() == next)
  }
}

extension MetadataStoreConformance {
  /// Opens a store that was let go of. The thread that answered last may hold it for a moment yet.
  private static func reopened(
    _ open: () throws -> any MetadataStore
  ) async throws -> any MetadataStore {
    for _ in 0..<1_000 {
      do {
        return try open()
      } catch let error as StoreError where error.code == .locked {
        try await Task.sleep(for: .milliseconds(10))
      }
    }
    return try open()
  }
}

@Suite struct MetadataStoreTests {
  private func withFolder(_ body: (URL) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "thumbprint-metadata-\(UUID().uuidString)")
    try await body(folder)
    try FileManager.default.removeItem(at: folder)
  }

  @Test func lmdbKeepsTheRules() async throws {
    try await withFolder { folder in
      try await MetadataStoreConformance.check { try LMDBMetadataStore(folder: folder.path) }
    }
  }

  @Test func aSecondCoordinatorIsKeptOut() async throws {
    try await withFolder { folder in
      let store = try LMDBMetadataStore(folder: folder.path)
      let error = #expect(throws: StoreError.self) {
        _ = try LMDBMetadataStore(folder: folder.path)
      }
      #expect(error?.code == .locked)
      _ = try await store.read()
    }
  }
}
