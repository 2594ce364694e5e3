import Foundation
import ThumbprintClient
import ThumbprintCodes
import ThumbprintCommands
import ThumbprintWire

/// Records that are loaded first and stay: groups of near codes among unrelated ones, so that the
/// right answer to a query is known without a search.
struct BaseRecords: Sendable {
  let codes: PlantedCodes
  let count: Int

  /// - Parameter count: A multiple of the size of a group.
  init(seed: UInt64, count: Int, flippedShare: Double = 0.02) {
    codes = PlantedCodes(seed: seed, flippedShare: flippedShare)
    self.count = max(codes.groupSize, count / codes.groupSize * codes.groupSize)
  }

  var groupCount: Int { count / codes.groupSize }

  /// A match as the wire tells it.
  struct Match: Hashable, Sendable {
    var distance: Int
    var id: ItemID
  }

  /// A query near group `index`, and its nearest records in order: no other code is nearer than
  /// some 1,800 bits, and the members of a group are at a few hundred at most.
  func query(_ index: Int) -> (feature: FeatureCode, expected: [Match], images: [ImageCode]) {
    let feature = codes.query(index, groupCount: groupCount)
    let group = index &* 7919 % groupCount
    let members = (0..<codes.groupSize).map { codes.record(group * codes.groupSize + $0) }
    let found = members.map { (feature.distance(to: $0.feature), $0) }
      .sorted { ($0.0, $0.1.id) < ($1.0, $1.1.id) }
    return (
      feature, found.map { Match(distance: $0.0, id: $0.1.id) }, found.map(\.1.image)
    )
  }

  /// A query that is near no record: of another seed, so as far from all as random codes are.
  func unlikeQuery(_ index: Int) -> FeatureCode {
    var others = codes
    others.seed = ~codes.seed
    return others.query(index, groupCount: groupCount)
  }

  /// Asks for the members of a query's group, with their image codes.
  func request(_ feature: FeatureCode, of collection: CollectionID) -> SearchRequest {
    var request = SearchRequest(
      collection: collection, extent: .nearest(codes.groupSize), wants: [.images, .certificate])
    request.append(feature: feature)
    return request
  }

  /// What is wrong with an answer; `nil` if it is right and complete.
  static func fault(
    in reply: SearchReply, expected: [Match], images: [ImageCode]
  ) -> String? {
    let failed = reply.shards.filter { $0.failure != nil }
    if let first = failed.first { return "shard \(first.shard) was not searched" }
    let found = reply.distances.enumerated().map { row, distance in
      Match(distance: Int(distance), id: reply.rows.id(row))
    }
    guard found == expected else {
      return "found \(found.map { "\($0.id)@\($0.distance)" }), "
        + "expected \(expected.map { "\($0.id)@\($0.distance)" })"
    }
    for row in images.indices where reply.rows.image(row) != images[row] {
      return "record \(found[row].id) has another image code"
    }
    return nil
  }

  /// Writes them as a coded dataset.
  func makeDataset(at path: String) throws -> CodedDataset {
    let writer = try CodedDatasetWriter(
      path: path, coder: nil, createdBy: "thumbprint-trial")
    for index in 0..<count { try writer.append(codes.record(index)) }
    _ = try writer.finish()
    return try CodedDataset(path: path, access: .sequential)
  }

  /// All of them as they are loaded without a dataset.
  var stream: AsyncStream<Record> {
    let (codes, count) = (codes, count)
    let next = Counter()
    return AsyncStream { () async -> Record? in
      let index = next.next()
      return index < count ? codes.record(index) : nil
    }
  }

  /// Loads all of them, and fails unless they are all there.
  func load(into collection: RemoteCollection) async throws {
    let source = RecordLoadSource(stream, path: "the records of the trial", count: count)
    let report = try await collection.load(from: source)
    guard report.isWhole else { throw TrialError("the load left something out: \(report)") }
  }
}
