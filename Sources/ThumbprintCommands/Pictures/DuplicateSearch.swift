import ThumbprintCodes
import ThumbprintIndex

/// Finds what is near every record of a collection, in one pass over it and in bounded memory: an
/// answer may hold as many matches as there are records, and where many records are alike all answers
/// do.
///
/// Most records are asked for their nearest few. Where all of these are within the radius there may be
/// more, and everything is asked for, few records at a time. Of records with equal codes only the first
/// is asked so, so that any number of them takes no longer than one.
struct DuplicateSearch {
  let collection: any CollectionHandle
  let within: Int
  let promise: SearchPromise
  let run: SearchRun
  /// Records of the collection, as far as is known.
  let recordCount: Int
  private(set) var groups = DuplicateGroups()
  /// Records without a feature code, which are left out: they would all be alike.
  private(set) var featurelessCount = 0

  /// Records whose codes equal that of one that was asked for everything before.
  private var twins: [ItemID: ItemID] = [:]
  private var window: [(id: ItemID, feature: FeatureCode)] = []
  /// Whether most of the last records had more neighbours than are asked for at first.
  private var isDense = false

  /// Records that are asked for together.
  private static let windowCount = 1_024
  /// How many neighbours are asked for at first.
  private static let nearestCount = 256
  /// Matches that are held at once, unless one answer for each thread has more: 32 MB.
  private static let matchCount = 1 << 21

  init(
    _ collection: any CollectionHandle, within: Int, promise: SearchPromise, run: SearchRun,
    recordCount: Int
  ) {
    self.collection = collection
    self.within = within
    self.promise = promise
    self.run = run
    self.recordCount = recordCount
  }

  /// - Parameter progress: Called with the number of records done so far; may throw to end the work.
  mutating func findAll(progress: (Int) throws -> Void) throws {
    try collection.forEachRecord { record in
      guard record.feature.isThere else {
        featurelessCount += 1
        return
      }
      window.append((record.id, record.feature))
      if window.count == Self.windowCount { try search(progress) }
    }
    try search(progress)
  }

  private mutating func search(_ progress: (Int) throws -> Void) throws {
    var known = try knownMatches()
    var askedCount = 0
    var denseCount = 0
    var index = 0
    while index < window.count {
      let id = window[index].id
      if let twin = twins.removeValue(forKey: id) {
        groups.add(id, matches: [SearchMatch(distance: 0, id: twin)])
        index += 1
      } else if let matches = known.removeValue(forKey: id) {
        groups.add(id, matches: matches)
        index += 1
      } else {
        try progress(groups.count)
        let most = max(run.threadCount, Self.matchCount / max(1, recordCount))
        let records = window[index...].prefix(most).prefix {
          twins[$0.id] == nil && known[$0.id] == nil
        }
        let answers = try matches(of: records, .within(within))
        for (record, matches) in zip(records, answers) { addWhole(record.id, matches) }
        index += records.count
        askedCount += records.count
        denseCount += answers.count { $0.count >= Self.nearestCount }
      }
    }
    if askedCount > 0 { isDense = denseCount > window.count / 2 }
    window.removeAll(keepingCapacity: true)
    try progress(groups.count)
  }

  /// All matches of those records of the window that have few.
  private func knownMatches() throws -> [ItemID: [SearchMatch]] {
    if isDense { return [:] }
    let records = window.filter { twins[$0.id] == nil }[...]
    let answers = try matches(of: records, .nearest(Self.nearestCount))
    return Dictionary(
      uniqueKeysWithValues: zip(records, answers).lazy
        .filter { $1.count < Self.nearestCount }.map { ($0.id, $1) })
  }

  /// Adds a record of which all matches were asked for.
  private mutating func addWhole(_ id: ItemID, _ matches: [SearchMatch]) {
    if let twin = twins.removeValue(forKey: id) {
      groups.add(id, matches: [SearchMatch(distance: 0, id: twin)])
      return
    }
    groups.add(id, matches: matches)
    for match in matches where match.distance == 0 && match.id > id { twins[match.id] = id }
  }

  private func matches(
    of records: ArraySlice<(id: ItemID, feature: FeatureCode)>, _ extent: SearchQuery.Extent
  ) throws -> [[SearchMatch]] {
    if records.isEmpty { return [] }
    let queries = records.map {
      SearchQuery(feature: $0.feature, extent: extent, distanceMax: within, promise: promise)
    }
    return try collection.search(queries, run).answers.map(\.matches)
  }
}
