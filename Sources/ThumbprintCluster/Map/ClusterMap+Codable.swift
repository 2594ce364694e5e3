import ThumbprintCodes

extension ClusterMap: Codable {
  /// The version of the form in which a map is stored.
  public static let formatVersion = 1

  private enum CodingKeys: String, CodingKey {
    case format, version, clusterID, workers, collections, shards, moves, nextMove, dropped
    case removed, settings
  }

  /// Reads a map and validates it as a whole.
  ///
  /// - Throws: `DecodingError` whose description is one line that names what is wrong.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let format = try container.decode(Int.self, forKey: .format)
    guard format == Self.formatVersion else {
      throw DecodingError.dataCorruptedError(
        forKey: .format, in: container,
        debugDescription:
          "a cluster map of format \(format), and this program reads \(Self.formatVersion)")
    }
    self.init(
      clusterID: try container.decode(ClusterID.self, forKey: .clusterID),
      settings: try container.decode(ClusterSettings.self, forKey: .settings))
    version = try container.decode(MapVersion.self, forKey: .version)
    workers = try container.decode([WorkerName: WorkerEntry].self, forKey: .workers)
    collections = try container.decode([CollectionID: CollectionEntry].self, forKey: .collections)
    shards = try container.decode([ShardKey: ShardEntry].self, forKey: .shards)
    nextMove = try container.decode(MoveID.self, forKey: .nextMove)
    dropped = try container.decode(Set<CollectionID>.self, forKey: .dropped)
    // Maps that were stored before workers could be remembered as removed have none.
    removed =
      try container.decodeIfPresent([WorkerName: RemovedWorker].self, forKey: .removed) ?? [:]
    for (key, move) in try container.decode([String: MoveEntry].self, forKey: .moves) {
      guard let number = UInt64(key), String(number) == key else {
        throw DecodingError.dataCorruptedError(
          forKey: .moves, in: container, debugDescription: "a move is named by a whole number")
      }
      moves[MoveID(number)] = move
    }
    do {
      try validate()
    } catch {
      throw DecodingError.dataCorrupted(
        DecodingError.Context(codingPath: decoder.codingPath, debugDescription: error.message))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(Self.formatVersion, forKey: .format)
    try container.encode(version, forKey: .version)
    try container.encode(clusterID, forKey: .clusterID)
    try container.encode(workers, forKey: .workers)
    try container.encode(collections, forKey: .collections)
    try container.encode(shards, forKey: .shards)
    let named = moves.map { (String($0.key.rawValue), $0.value) }
    try container.encode(Dictionary(uniqueKeysWithValues: named), forKey: .moves)
    try container.encode(nextMove, forKey: .nextMove)
    try container.encode(dropped.sorted(), forKey: .dropped)
    try container.encode(removed, forKey: .removed)
    try container.encode(settings, forKey: .settings)
  }
}
