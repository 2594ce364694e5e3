import ThumbprintCodes

extension ReplicaStateMachine {
  /// Entries of the log that the follower furthest behind lacks; all of them for one that was not
  /// heard of in this term, 0 if this is no primary.
  public var followerLagMax: Int {
    guard case .primary(let primary) = role else { return 0 }
    let last = summary.position.sequence.rawValue
    return primary.followers.values.reduce(0) { most, follower in
      let has = follower.acknowledged?.sequence.rawValue ?? 0
      return max(most, last > has ? Int(clamping: last - has) : 0)
    }
  }
}
