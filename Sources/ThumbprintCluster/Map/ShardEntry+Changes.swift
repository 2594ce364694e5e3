import ThumbprintCodes

extension ShardEntry {
  /// A shard that begins: its primary alone is in sync, and it is not established yet.
  init(
    primary: WorkerName, others: some Collection<WorkerName>, version: MapVersion,
    permutationSeed: UInt64
  ) {
    self.term = Term(1)
    self.primary = primary
    self.replicas = [primary: ReplicaEntry(isInSync: true, since: version)]
    for name in others { replicas[name] = ReplicaEntry(isInSync: false, since: version) }
    self.isEstablished = false
    self.changed = version
    self.permutationSeed = permutationSeed
  }
}

extension ClusterMap {
  /// Applies a change that concerns one shard.
  mutating func applyToShard(_ change: ClusterMapChange) throws(ClusterError) {
    switch change {
    case .establish(let key, let term):
      var shard = try requireShard(key, term: term)
      shard.isEstablished = true
      store(shard, key)
    case .beginAnew(let key, let term, let primary):
      var shard = try requireShard(key, term: term)
      guard !shard.isEstablished, workers[primary] != nil else {
        throw ClusterError(.conflict, "shard \(key) is established")
      }
      for name in shard.replicas.keys {
        shard.replicas[name] = ReplicaEntry(isInSync: false, since: version)
      }
      shard.replicas[primary] = ReplicaEntry(isInSync: true, since: version)
      shard.primary = primary
      shard.term = shard.term.next
      store(shard, key)
    case .addReplica(let key, let name): try addReplica(key, name)
    case .removeReplica(let key, let name): try removeReplica(key, name)
    case .join(let key, let term, let basis, let name):
      var shard = try requireShard(key, term: term, basis: basis)
      guard let replica = shard.replicas[name], !replica.isInSync else {
        throw ClusterError(.conflict, "\(name) is not syncing \(key)")
      }
      shard.replicas[name]?.isInSync = true
      store(shard, key)
    case .leave(let key, let term, let basis, let name):
      var shard = try requireShard(key, term: term, basis: basis)
      guard name != shard.primary else {
        throw ClusterError(.conflict, "the primary of \(key) cannot leave the set")
      }
      if shard.replicas[name] != nil {
        shard.replicas[name] = ReplicaEntry(isInSync: false, since: version)
      }
      store(shard, key)
    case .failOver(let key, let basis, let term, let primary, let inSync):
      try failOver(key, basis: basis, term: term, primary: primary, inSync: inSync)
    default:
      preconditionFailure("\(change) does not concern one shard")
    }
  }

  private mutating func addReplica(_ key: ShardKey, _ name: WorkerName) throws(ClusterError) {
    var shard = try requireShard(key)
    guard let worker = workers[name] else {
      throw ClusterError(.notFound, "there is no worker \(name)")
    }
    guard shard.replicas[name] == nil else {
      throw ClusterError(.exists, "\(name) has a replica of \(key) already")
    }
    guard worker.state == .active else {
      throw ClusterError(.conflict, "\(name) is being drained")
    }
    shard.replicas[name] = ReplicaEntry(isInSync: false, since: version)
    store(shard, key)
  }

  private mutating func removeReplica(_ key: ShardKey, _ name: WorkerName) throws(ClusterError) {
    var shard = try requireShard(key)
    guard shard.replicas[name] != nil else {
      throw ClusterError(.notFound, "\(name) has no replica of \(key)")
    }
    guard name != shard.primary else {
      throw ClusterError(.conflict, "\(name) is the primary of \(key)")
    }
    shard.replicas[name] = nil
    store(shard, key)
  }

  private mutating func failOver(
    _ key: ShardKey, basis: MapVersion, term: Term, primary: WorkerName, inSync: Set<WorkerName>
  ) throws(ClusterError) {
    var shard = try requireShard(key)
    guard shard.changed == basis else {
      throw ClusterError(.conflict, "shard \(key) changed at \(shard.changed), not at \(basis)")
    }
    guard term > shard.term, term.rawValue <= ClusterLimits.numberMax else {
      throw ClusterError(
        .conflict, "shard \(key) is in term \(shard.term), \(term) is no later one")
    }
    guard inSync.contains(primary), inSync.isSubset(of: shard.inSync) else {
      throw ClusterError(.conflict, "shard \(key): only who is in sync may begin a term")
    }
    for name in shard.inSync where !inSync.contains(name) {
      shard.replicas[name] = ReplicaEntry(isInSync: false, since: version)
    }
    shard.term = term
    shard.primary = primary
    store(shard, key)
  }

  private func requireShard(
    _ key: ShardKey, term: Term, basis: MapVersion? = nil
  ) throws(ClusterError) -> ShardEntry {
    let shard = try requireShard(key)
    guard shard.term == term, basis == nil || basis == shard.changed else {
      throw ClusterError(
        .conflict, "shard \(key) is in term \(shard.term) and changed at \(shard.changed)")
    }
    return shard
  }

  private mutating func store(_ shard: ShardEntry, _ key: ShardKey) {
    shards[key] = shard
    shards[key]?.changed = version
  }
}
