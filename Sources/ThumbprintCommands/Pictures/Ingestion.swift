import ThumbprintCodes
import ThumbprintCoding

/// One run of `ingest`: finds what is new or was changed, codes it and loads it, a block at a time, and
/// finds what is in the collection and not among the files any more.
///
/// What a picture came from stands in the tags of its record: `file_path`, `file_bytes` and
/// `file_modified_ms`. They are taken before the file is read, so a file that is written meanwhile is
/// seen as changed by the next run.
struct Ingestion {
  let source: EncodeSource
  let collection: any CollectionHandle
  let encoder: PictureEncoder
  let progress: Progress
  /// Whether to delete what is not among the files any more.
  let prunes: Bool
  private(set) var report: IngestReport

  /// Pictures that are looked up together.
  private static let lookupCount = 4_096
  /// Pictures that are written together: what a run that is killed has to do again.
  private static let blockCount = 256

  init(
    _ source: EncodeSource, into collection: any CollectionHandle, encoder: PictureEncoder,
    progress: Progress, prunes: Bool
  ) {
    self.source = source
    self.collection = collection
    self.encoder = encoder
    self.progress = progress
    self.prunes = prunes
    report = IngestReport(collection: collection.name, coder: encoder.model.identity)
    report.refused = source.refused
    report.otherKinds = source.otherKinds
    report.folderLinks = source.folderLinkCount
  }

  mutating func run() throws -> IngestReport {
    guard let report = try Interrupt.unlessRequested({ try ingest() }) else { throw interruption }
    return report
  }

  private mutating func ingest() throws -> IngestReport {
    let files = try filesToCode()
    try code(files)
    try findGone()
    progress.moved(to: source.paths.count, detail: "indexing")
    guard try collection.settle() else {
      throw CommandError(
        .interrupted,
        "all pictures are in '\(collection.name)', but not all are indexed",
        hint: "they are found, only slower; to go on, run the same command again")
    }
    report.seconds = progress.elapsed
    return report
  }

  // MARK: What there is to do

  /// A picture that has to be coded.
  private struct File {
    var index: Int
    var id: ItemID
    var facts: PictureFacts?
    /// Whether the collection has another state of it.
    var isThere: Bool
  }

  private mutating func filesToCode() throws -> [File] {
    var files: [File] = []
    var seen: Set<ExactText> = []
    var taken: Set<ItemID> = []
    for start in stride(from: 0, to: source.paths.count, by: Self.lookupCount) {
      try requireNoInterrupt()
      progress.moved(to: 0, detail: "looking for what is new")
      let range = start..<min(start + Self.lookupCount, source.paths.count)
      let indices = range.filter { index in
        guard let problem = problem(with: index, &seen) else { return true }
        report.refuse(source.paths[index], problem)
        return false
      }
      let places = try PictureIDs.places(
        of: indices.map { source.names[$0] }, taken: &taken
      ) { try collection.records($0) }
      var moved: [Record] = []
      for (index, place) in zip(indices, places) {
        let facts = PictureFacts(path: source.paths[index])
        switch state(of: place.record, index, facts) {
        case .unchanged: report.unchanged += 1
        case .moved:
          guard var record = place.record else { continue }
          record.tags = tags(of: index, facts)
          moved.append(record)
          report.unchanged += 1
        case .taken(let path):
          report.refuse(
            source.paths[index], "its name is that of '\(path)', which is in the collection")
          report.hasTakenNames = true
        case .toCode:
          files.append(
            File(index: index, id: place.id, facts: facts, isThere: place.record != nil))
        }
      }
      if !moved.isEmpty { try collection.upsert(moved) }
    }
    return files
  }

  /// Why a record cannot be made of a file; `nil` if it can.
  private func problem(with index: Int, _ seen: inout Set<ExactText>) -> String? {
    let name = source.names[index]
    if !seen.insert(ExactText(name)).inserted {
      return "another picture has the name '\(name)' too"
    }
    if name.utf8.count > RecordLimits.nameByteCountMax {
      return "its name has \(name.utf8.count) bytes; the most is \(RecordLimits.nameByteCountMax)"
    }
    let tagsByteCount = TagsJSON.encode(tags(of: index, nil)).count
    if tagsByteCount + 96 > RecordLimits.tagsByteCountMax {
      return "its path is too long to be kept with the record"
    }
    return nil
  }

  private enum State {
    case unchanged
    /// The same file, in another place than when it was coded.
    case moved
    /// The record is of another file, which is still there.
    case taken(String)
    case toCode
  }

  private func state(of record: Record?, _ index: Int, _ facts: PictureFacts?) -> State {
    guard let record else { return .toCode }
    let isSame = facts.map { $0.tags.allSatisfy { record.tags[$0.key] == $0.value } } ?? false
    let path = source.absolutePath(index)
    guard let known = record.tags[PictureFacts.pathTag] else { return isSame ? .moved : .toCode }
    if ExactText(known) == ExactText(path) { return isSame ? .unchanged : .toCode }
    let isElsewhere = PictureFacts(path: known) != nil
    if isSame { return isElsewhere ? .unchanged : .moved }
    return isElsewhere ? .taken(known) : .toCode
  }

  private func tags(of index: Int, _ facts: PictureFacts?) -> [String: String] {
    var tags = facts?.tags ?? [:]
    tags[PictureFacts.pathTag] = source.absolutePath(index)
    return tags
  }

  // MARK: Coding

  private mutating func code(_ files: [File]) throws {
    let doneBefore = source.paths.count - files.count
    // Safe: the encoder calls one at a time, and none when it has returned.
    nonisolated(unsafe) let progress = progress
    var next = 0
    let isWhole = try encoder.encode(
      files.map { source.paths[$0.index] }[...], blockCount: Self.blockCount,
      progress: { done in
        progress.moved(to: doneBefore + done)
        return !Interrupt.isRequested
      },
      block: { outcomes in
        try write(files[next..<next + outcomes.count], outcomes)
        next += outcomes.count
      })
    if !isWhole { throw interruption }
  }

  private mutating func write(
    _ files: ArraySlice<File>, _ outcomes: [PictureEncoder.Outcome]
  ) throws {
    var records: [Record] = []
    var (added, changed) = (0, 0)
    for (file, outcome) in zip(files, outcomes) {
      switch outcome {
      case .refused(let reason): report.refuse(source.paths[file.index], reason)
      case .coded(let image, let feature):
        records.append(
          Record(
            id: file.id, name: source.names[file.index], tags: tags(of: file.index, file.facts),
            feature: feature, image: image))
        if file.isThere { changed += 1 } else { added += 1 }
      }
    }
    if !records.isEmpty { try collection.upsert(records) }
    report.added += added
    report.changed += changed
  }

  private func requireNoInterrupt() throws {
    if Interrupt.isRequested { throw interruption }
  }

  private var interruption: CommandError {
    progress.finish()
    let there = report.unchanged + report.added + report.changed
    return CommandError(
      .interrupted,
      "\(Text.grouped(there)) of \(Text.count(source.paths.count, "picture")) are in "
        + "'\(collection.name)'",
      hint: "to go on, run the same command again")
  }

  // MARK: What is gone

  /// Finds the records of files that were in the folders and are not any more, or have another name
  /// now, and deletes them if that was asked for.
  private mutating func findGone() throws {
    guard !source.folders.isEmpty else { return }
    let known = report.added + report.changed + report.unchanged
    guard try prunes || collection.stats().records != known else { return }
    try requireNoInterrupt()
    progress.moved(to: source.paths.count, detail: "looking for what is gone")
    var names: [ExactText: ExactText] = [:]
    for index in source.paths.indices {
      names[ExactText(source.absolutePath(index))] = ExactText(source.names[index])
    }
    var ids: [ItemID] = []
    try collection.forEachDescription { id, name, tags in
      guard let path = tags[PictureFacts.pathTag], isCovered(path),
        names[ExactText(path)] != name.map(ExactText.init)
      else { return }
      ids.append(id)
      if report.goneNames.count < IngestReport.listedCount { report.goneNames.append(name ?? path) }
    }
    report.gone = ids.count
    guard prunes else { return }
    for start in stride(from: 0, to: ids.count, by: Self.lookupCount) {
      try requireNoInterrupt()
      report.pruned += try collection.delete(
        Array(ids[start..<min(start + Self.lookupCount, ids.count)])
      ).deleted
    }
  }

  /// Whether the files that were found tell what became of the one at `path`.
  private func isCovered(_ path: String) -> Bool {
    func isIn(_ folder: String) -> Bool { path.utf8.starts(with: folder.utf8) }
    return source.folders.contains(where: isIn) && !source.unlistedFolders.contains(where: isIn)
  }
}

extension PictureFacts {
  static let pathTag = "file_path"

  var tags: [String: String] {
    PictureTags.tags(byteCount: byteCount, modified: Int64(modifiedMilliseconds))
  }
}

/// What a run did, as `--json` shows it.
struct IngestReport: Encodable {
  /// What is listed on the terminal at most, of each list.
  static let listedCount = 20

  var collection: String
  var coder: CoderIdentity
  var added = 0
  /// Pictures that were there with other contents.
  var changed = 0
  var unchanged = 0
  /// Records of files that are not there any more, or not under this name; and how many of them were
  /// deleted.
  var gone = 0
  var pruned = 0
  var refused: [EncodeReport.Refusal] = []
  /// Files of other kinds of pictures, which are not read, by ending.
  var otherKinds: [String: Int] = [:]
  /// Links to folders, which were not followed.
  var folderLinks = 0
  var seconds = 0.0
  /// For the terminal.
  var goneNames: [String] = []
  var hasTakenNames = false

  private enum CodingKeys: String, CodingKey {
    case collection, coder, added, changed, unchanged, gone, pruned, refused, otherKinds
    case folderLinks, seconds
  }

  init(collection: String, coder: CoderIdentity) {
    self.collection = collection
    self.coder = coder
  }

  mutating func refuse(_ path: String, _ reason: String) {
    refused.append(EncodeReport.Refusal(path: path, reason: reason))
  }

  var text: String {
    let coded = added + changed
    let rate = coded > 0 && seconds > 0 ? " (\(Text.grouped(Int(Double(coded) / seconds)))/s)" : ""
    var text = "ingested \(Text.count(coded, "picture")) into '\(collection)' in "
    text += "\(Text.duration(seconds))\(rate)"
    if changed > 0 { text += ", \(Text.grouped(changed)) of them changed since" }
    if unchanged > 0 { text += "; \(Text.grouped(unchanged)) were there already" }
    if pruned > 0 {
      text += "; deleted \(Text.count(pruned, "record")) of files that are gone"
    } else if gone > 0 {
      text += "; \(Text.count(gone, "record")) of files that are gone: --prune deletes them"
    }
    return text + "\n"
  }
}
