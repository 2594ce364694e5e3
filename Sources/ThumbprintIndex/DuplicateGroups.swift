import ThumbprintCodes

/// Records gathered into groups of like ones: two are in one group if a chain of records leads from
/// one to the other, each step no longer than the radius that they were searched with.
///
/// Links may be added in any order and more than once. Memory is 14 bytes a record.
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
  private let ids: [ItemID]
  /// A forest over the places in `ids`: a root is its own parent.
  private var parents: [UInt32]
  /// To the nearest record that a link joins each with; `UInt16.max` for none.
  private var distances: [UInt16]

  /// - Parameter ids: All records that may be members, ascending, each once.
  public init(ids: [ItemID]) {
    precondition(ids.count <= Int(UInt32.max), "more than \(UInt32.max) records")
    precondition(zip(ids, ids.dropFirst()).allSatisfy(<), "ids have to ascend")
    self.ids = ids
    parents = ids.indices.map { UInt32($0) }
    distances = [UInt16](repeating: .max, count: ids.count)
  }

  /// Joins a record with all that were found near it.
  ///
  /// Itself among them says nothing, and ids that ``init(ids:)`` was not told of are passed over:
  /// they were added since.
  public mutating func link(_ id: ItemID, to matches: [SearchMatch]) {
    guard let place = place(of: id) else { return }
    for match in matches where match.id != id {
      guard let other = self.place(of: match.id) else { continue }
      let distance = UInt16(clamping: match.distance)
      distances[place] = min(distances[place], distance)
      distances[other] = min(distances[other], distance)
      join(place, other)
    }
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
