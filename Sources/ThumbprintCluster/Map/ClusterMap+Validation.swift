import ThumbprintCodes

extension ClusterMap {
  /// Checks that the map is within its bounds and does not contradict itself.
  ///
  /// - Throws: ``ClusterError/Code/invalid``, naming the first thing found wrong.
  /// - Complexity: One pass over the map.
  public func validate() throws(ClusterError) {
    guard max(version.rawValue, nextMove.rawValue) <= ClusterLimits.numberMax
    else { throw ClusterError(.invalid, "a version or move above \(ClusterLimits.numberMax)") }
    try Self.require(workers.count, 0...ClusterLimits.workerCountMax, "workers")
    try Self.require(collections.count, 0...ClusterLimits.collectionCountMax, "collections")
    try Self.require(shards.count, 0...ClusterLimits.totalShardCountMax, "shards")
    try Self.require(
      removed.count, 0...ClusterLimits.removedWorkerCountMax, "workers that were removed")
    for (name, worker) in workers where worker.capacityByteCount < 0 {
      throw ClusterError(.invalid, "worker \(name): capacity of \(worker.capacityByteCount) bytes")
    }
    try settings.validate()
    try validateCollections()
    for (key, shard) in shards { try validate(shard, key) }
    var moving: Set<ShardKey> = []
    for (id, move) in moves {
      try validate(move, id)
      guard moving.insert(move.shard).inserted else {
        throw ClusterError(.invalid, "shard \(move.shard): has two moves")
      }
    }
  }

  private func validateCollections() throws(ClusterError) {
    var names: Set<String> = []
    var shardCount = 0
    for (id, collection) in collections {
      try collection.validate()
      guard names.insert(collection.name).inserted else {
        throw ClusterError(.invalid, "two collections are called '\(collection.name)'")
      }
      guard !dropped.contains(id) else {
        throw ClusterError(.invalid, "collection \(id): is there and dropped")
      }
      for number in 0..<collection.shardCount
      where shards[ShardKey(collection: id, number: number)] == nil {
        throw ClusterError(.invalid, "collection \(id): has no shard \(number)")
      }
      shardCount += collection.shardCount
    }
    guard shardCount == shards.count else {
      throw ClusterError(.invalid, "\(shards.count) shards, and collections have \(shardCount)")
    }
  }

  private func validate(_ shard: ShardEntry, _ key: ShardKey) throws(ClusterError) {
    guard (1...ClusterLimits.numberMax).contains(shard.term.rawValue) else {
      throw ClusterError(.invalid, "shard \(key): term \(shard.term)")
    }
    guard shard.replicas[shard.primary]?.isInSync == true else {
      throw ClusterError(.invalid, "shard \(key): primary \(shard.primary) is not in sync")
    }
    guard shard.changed <= version else {
      throw ClusterError(
        .invalid, "shard \(key): changed at \(shard.changed), the map is at \(version)")
    }
    for (name, replica) in shard.replicas {
      guard workers[name] != nil else {
        throw ClusterError(.invalid, "shard \(key): unknown worker \(name)")
      }
      guard replica.since <= shard.changed else {
        throw ClusterError(
          .invalid, "shard \(key): replica on \(name) since \(replica.since), after its last change"
        )
      }
    }
  }

  private func validate(_ move: MoveEntry, _ id: MoveID) throws(ClusterError) {
    guard id.rawValue >= 1, id < nextMove else {
      throw ClusterError(.invalid, "move \(id): numbers are 1 to before \(nextMove)")
    }
    guard let shard = shards[move.shard] else {
      throw ClusterError(.invalid, "move \(id): unknown shard \(move.shard)")
    }
    guard workers[move.target] != nil, move.source != move.target else {
      throw ClusterError(.invalid, "move \(id): cannot go to \(move.target)")
    }
    if let source = move.source, workers[source] == nil {
      throw ClusterError(.invalid, "move \(id): unknown source \(source)")
    }
    let isThere = shard.replicas[move.target] != nil
    guard isThere == (move.phase != .queued) else {
      throw ClusterError(
        .invalid,
        "move \(id): \(move.phase), and \(move.target) "
          + (isThere ? "has a replica already" : "has no replica"))
    }
  }

  static func require(
    _ value: Int, _ range: ClosedRange<Int>, _ what: String
  ) throws(ClusterError) {
    guard range.contains(value) else {
      throw ClusterError(
        .invalid, "\(what): \(value) is not in \(range.lowerBound) to \(range.upperBound)")
    }
  }
}

extension CollectionEntry {
  func validate() throws(ClusterError) {
    let isPlain = name.unicodeScalars.allSatisfy {
      $0.properties.generalCategory != .control && $0 != "/"
    }
    guard isPlain, (1...ClusterLimits.collectionNameByteCountMax).contains(name.utf8.count),
      name != ".", name != ".."
    else {
      throw ClusterError(
        .invalid,
        "a collection's name has 1 to \(ClusterLimits.collectionNameByteCountMax) bytes "
          + "and no control characters or slashes, and is not '.' or '..'")
    }
    let what = "collection '\(name)': "
    try ClusterMap.require(shardCount, 1...ClusterLimits.shardCountMax, what + "shards")
    try ClusterMap.require(
      replicationFactor, 1...ClusterLimits.replicationFactorMax, what + "replicas")
    try ClusterMap.require(tableCount, 0...ClusterLimits.tableCountMax, what + "tables")
  }
}

extension ClusterSettings {
  func validate() throws(ClusterError) {
    try ClusterMap.require(copyByteRate, 0...(1 << 50), "copy rate in bytes a second")
    try ClusterMap.require(moveCountPerWorkerMax, 1...64, "moves of a worker")
    try ClusterMap.require(
      replicateAfterMilliseconds, 0...86_400_000, "milliseconds before replicas are made anew")
  }
}
