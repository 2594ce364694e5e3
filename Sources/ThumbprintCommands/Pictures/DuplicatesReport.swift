import ThumbprintCodes
import ThumbprintCoding
import ThumbprintIndex

/// What was found, as `--json` shows it.
struct DuplicatesReport: Encodable {
  struct Member: Encodable {
    var id: ItemID
    var name: String?
    /// Bits to the nearest other member.
    var distance: Int
    /// Bits to the member that is worth keeping.
    var distanceToKept = 0
    /// Bytes of the picture file, if `ingest` noted them.
    var fileBytes: Int64?
    /// Whether the member to keep is so near that this one adds little: no farther than was asked for.
    /// Members of a long chain may be farther.
    var isRedundant = false
    /// What shows it; not printed.
    var image = ImageCode()

    private enum CodingKeys: String, CodingKey {
      case id, name, distance, distanceToKept, fileBytes, isRedundant
    }
  }

  struct Group: Encodable {
    /// The member to keep: the picture with the largest file; of these the one with the shortest name.
    var keep: ItemID
    var members: [Member]
  }

  var collection: String
  var within: Int
  /// Those that were compared.
  var records: Int
  /// Those that were left out, as they have no feature code.
  var recordsWithoutFeature: Int
  var groups: [Group]
  var seconds: Double

  /// - Parameter counts: The members of all groups that were found.
  func text(_ counts: [Int]) -> String {
    "\(Text.count(counts.count, "group")) of \(Text.count(counts.reduce(0, +), "record")) within "
      + "\(within) bits, among \(Text.grouped(records)), \(Text.duration(seconds))\n"
  }
}

extension DuplicatesReport.Group {
  /// Records fetched together.
  private static let fetchCount = 4_096

  /// Looks the members up.
  init(
    _ members: [DuplicateGroups.Member], within: Int, in collection: any CollectionHandle
  ) throws {
    self.members = members.map { DuplicatesReport.Member(id: $0.id, distance: $0.distance) }
    keep = members[0].id
    var features: [FeatureCode] = []
    for start in stride(from: 0, to: members.count, by: Self.fetchCount) {
      let range = start..<min(start + Self.fetchCount, members.count)
      for (index, record) in zip(range, try collection.records(members[range].map(\.id))) {
        features.append(record?.feature ?? FeatureCode())
        // One that was deleted meanwhile is still a member.
        guard let record else { continue }
        self.members[index].name = record.name
        self.members[index].fileBytes = record.tags[PictureTags.byteCount].flatMap { Int64($0) }
        self.members[index].image = record.image
      }
    }
    guard let kept = self.members.indices.min(by: { isBetter(self.members[$0], self.members[$1]) })
    else { return }
    keep = self.members[kept].id
    for index in self.members.indices where index != kept {
      let distance = features[index].distance(to: features[kept])
      self.members[index].distanceToKept = distance
      self.members[index].isRedundant = distance <= within
    }
  }
}

/// Whether rather `a` is kept than `b`.
private func isBetter(_ a: DuplicatesReport.Member, _ b: DuplicatesReport.Member) -> Bool {
  if a.fileBytes != b.fileBytes { return (a.fileBytes ?? -1) > (b.fileBytes ?? -1) }
  let (first, second) = (a.name ?? "", b.name ?? "")
  if first.utf8.count != second.utf8.count { return first.utf8.count < second.utf8.count }
  return a.id < b.id
}
