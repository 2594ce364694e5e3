import Foundation
import Testing
import ThumbprintCodes
import ThumbprintCommands

/// Datasets and stores to start a test from.
extension Sandbox {
  /// The codes behind ``makeDataset(_:count:seed:)``: groups of four near ones.
  static func planted(seed: UInt64 = 1) -> PlantedCodes {
    PlantedCodes(seed: seed, groupSize: 4, flippedShare: 0.05)
  }

  /// Writes a coded dataset of planted codes.
  func makeDataset(_ name: String, count: Int, seed: UInt64 = 1) throws {
    try makeDataset(name, records: (0..<count).lazy.map(Self.planted(seed: seed).record))
  }

  /// Writes a coded dataset.
  func makeDataset(
    _ name: String, records: some Sequence<Record>, coder: CoderIdentity? = nil
  ) throws {
    let writer = try CodedDatasetWriter(path: path(name), coder: coder, createdBy: "a test")
    for record in records { try writer.append(record) }
    _ = try writer.finish()
  }

  /// Writes feature codes as an array.
  func makeArray(_ name: String, codes: [FeatureCode]) throws {
    let writer = try NumpyWriter(path: path(name), elementType: .uint8, rowShape: [512])
    for code in codes { try code.withUnsafeBytes { try writer.append(rows: $0) } }
    try writer.finish()
  }

  /// A store with a collection of `count` planted codes, and their dataset `data`.
  func makeCollection(count: Int, shards: Int = 1, name: String = "c") throws {
    try makeDataset("data", count: count)
    try succeed("collection", "create", name, "--shards", "\(shards)")
    try succeed("load", "data", "--collection", name, "--quiet")
  }

  /// The digest that `dataset.json` of a dataset states.
  func digest(ofDataset name: String) throws -> String {
    let digest = try CodedDataset(path: path(name)).manifest?.digest
    return digest?.description ?? "none"
  }

  /// The digest and the number of records of collection `c`.
  func contents() throws -> (digest: String, count: Int) {
    let stats = try succeed("stats", "-c", "c", "--json").json([String: Any].self)
    return (stats["digest"] as? String ?? "", stats["records"] as? Int ?? -1)
  }

  /// The matches of the first query of `query --json`.
  func matches(_ arguments: String...) throws -> [(id: Int, distance: Int)] {
    let outcome = try start(["query", "-c", "c", "--json"] + arguments).outcome()
    guard outcome.status == 0 else { throw Failure(text: outcome.errors) }
    let queries = try outcome.json([String: Any].self)["queries"] as? [[String: Any]]
    let matches = queries?.first?["matches"] as? [[String: Any]] ?? []
    return matches.map { ($0["id"] as? Int ?? -1, $0["distance"] as? Int ?? -1) }
  }

  struct Failure: Error {
    var text: String
  }
}
