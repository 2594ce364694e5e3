import ThumbprintCodes

/// Records gathered into groups of like ones: two are in one group if a chain of records leads from
/// one to the other, each step no longer than the radius that they were searched with.
///
/// Memory is 14 bytes a record, whatever the number of pairs.
public struct DuplicateGroups: Sendable {
  public struct Member: Sendable, Hashable {
    public var id: ItemID
    /// Bits to the nearest other member.
    public var distance: Int

    public init(id: ItemID, distance: Int) {
      self.id = id
      self.distance = distance
    }
  }

  /// Ascending, each once.
  private var ids: [ItemID] = []
  /// A forest over the places in `ids`: a root is its own parent.
  private var parents: [UInt32] = []
  /// To the nearest record that a link joins each with; `UInt16.max` for none.
  private var distances: [UInt16] = []

  public init() {}

  /// Records that were added.
  public var count: Int { ids.count }

  /// Adds a record, and joins it with those added before it that were found near it.
  ///
  /// A pair is joined by the later one's matches; what is among the matches and was not added
  /// (itself, later ones, ones written since) is passed over.
  ///
  /// - Parameter id: Above all ids added before.
  public mutating func add(_ id: ItemID, matches: [SearchMatch]) {
    precondition(ids.last.map { $0 < id } ?? true, "\(id) does not come after \(ids.last!)")
    precondition(ids.count < Int(UInt32.max), "more than \(UInt32.max) records")
    let place = ids.count
    parents.append(UInt32(place))
    distances.append(.max)
    for match in matches {
      guard let other = self.place(of: match.id) else { continue }
      let distance = UInt16(clamping: match.distance)
      distances[place] = min(distances[place], distance)
      distances[other] = min(distances[other], distance)
      join(place, other)
    }
    ids.append(id)
  }

  /// The groups of two or more: the largest first, then by their least id. Members ascend by id.
  public mutating func groups() -> [[Member]] {
    var members: [UInt32: [Member]] = [:]
    for place in ids.indices where distances[place] != .max {
      members[root(of: UInt32(place)), default: []].append(
        Member(id: ids[place], distance: Int(distances[place])))
    }
    return members.values.sorted {
      $0.count != $1.count ? $0.count > $1.count : $0[0].id < $1[0].id
    }
  }

  private mutating func join(_ a: Int, _ b: Int) {
    let (first, second) = (root(of: UInt32(a)), root(of: UInt32(b)))
    // The lesser place is the root, whatever the order of the links.
    if first != second { parents[Int(max(first, second))] = min(first, second) }
  }

  /// The root above a place; every place on the way is hung nearer to it.
  private mutating func root(of place: UInt32) -> UInt32 {
    var place = place
    while parents[Int(place)] != place {
      parents[Int(place)] = parents[Int(parents[Int(place)])]
      place = parents[Int(place)]
    }
    return place
  }

  private func place(of id: ItemID) -> Int? {
    var (low, high) = (0, ids.count)
    while low < high {
      let middle = (low + high) / 2
      if ids[middle] < id { low = middle + 1 } else { high = middle }
    }
    return low < ids.count && ids[low] == id ? low : nil
  }
}
