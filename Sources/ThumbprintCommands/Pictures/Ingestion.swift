import ThumbprintCodes
import ThumbprintCoding

/// One run of `ingest`: finds what is new or was changed, codes it and loads it, a block at a time, and
/// finds what is in the collection and not among the files any more.
///
/// What a picture came from stands in the tags of its record: `file_path`, `file_bytes` and
/// `file_modified_ms`. They are taken before the file is read, so a file that is written meanwhile is
/// seen as changed by the next run.
///
/// A file is looked for under its name first, as the id is made from that, and then under its path, so
/// that it is in the collection once, whatever name it came with. A record is replaced only where it is
/// of the same path, or of a file that is known to be gone; where that file cannot be seen from here,
/// as on another host or a card that is not in, only by the same picture.
struct Ingestion {
  /// What the user asked for.
  struct Wishes {
    /// Whether to delete what is not among the files any more.
    var prunes = false
    /// Whether to replace records of other files with the same names.
    var replaces = false
  }

  let source: EncodeSource
  private var target: CollectionToFill
  let encoder: PictureEncoder
  let progress: Progress
  let wishes: Wishes
  private(set) var report: IngestReport
  /// Records that were found to be of the files, under their names.
  private var foundCount = 0

  /// Pictures that are looked up together.
  private static let lookupCount = 4_096
  /// Pictures that are written together: what a run that is killed has to do again.
  private static let blockCount = 256

  init(
    _ source: EncodeSource, into target: CollectionToFill, encoder: PictureEncoder,
    progress: Progress, wishes: Wishes
  ) {
    self.source = source
    self.target = target
    self.encoder = encoder
    self.progress = progress
    self.wishes = wishes
    report = IngestReport(collection: target.name, coder: target.coder)
    report.refused = source.refused
    report.otherKinds = source.otherKinds
    report.folderLinks = source.folderLinkCount
  }

  mutating func run() throws -> IngestReport {
    guard let report = try Interrupt.unlessRequested({ try ingest() }) else { throw interruption }
    return report
  }

  private mutating func ingest() throws -> IngestReport {
    var files = try filesToHandle()
    let gone = try lookAround(&files)
    try code(files)
    try prune(gone)
    progress.moved(to: source.files.count, detail: "indexing")
    guard try target.collection?.settle() ?? true else {
      throw CommandError(
        .interrupted,
        "all pictures are in '\(target.name)', but not all are indexed",
        hint: "they are found, only slower; to go on, run the same command again")
    }
    report.seconds = progress.elapsed
    return report
  }

  // MARK: What there is to do

  /// A picture that is not in the collection, as it is, under its name.
  private struct File {
    var index: Int
    var facts: PictureFacts?
    /// Whether the record of its name is of the file at this path.
    var isFound = false
    var task: Task

    /// The record that there is of its name, if it may become this one's.
    var record: ItemID? {
      switch task {
      case .add, .refuse: nil
      case .replace(let id, _), .compare(let id): id
      }
    }
  }

  private enum Task {
    case add(ItemID)
    /// The record is of an earlier state of the file, or of one that is gone.
    case replace(ItemID, name: String)
    /// The record is of a file that cannot be seen from here: of this picture, or of another.
    case compare(ItemID)
    /// There can be no such record.
    case refuse(IngestReport.Problem)
  }

  private enum State {
    case unchanged
    /// The same file, in another place than when it was coded.
    case moved
    case open(Task)
  }

  /// Compares the files with the records of their names.
  private mutating func filesToHandle() throws -> [File] {
    var files: [File] = []
    var seen: Set<ExactText> = []
    var taken: Set<ItemID> = []
    for start in stride(from: 0, to: source.files.count, by: Self.lookupCount) {
      try requireNoInterrupt()
      progress.moved(to: 0, detail: "looking for what is new")
      let range = start..<min(start + Self.lookupCount, source.files.count)
      let indices = range.filter { index in
        guard let problem = problem(with: index, &seen) else { return true }
        files.append(
          File(
            index: index, facts: PictureFacts(path: source.files[index].path),
            task: .refuse(problem)))
        return false
      }
      let places = try PictureIDs.places(
        of: indices.map { source.files[$0].name }, taken: &taken, records: target.records)
      var moved: [Record] = []
      for (index, place) in zip(indices, places) {
        let facts = PictureFacts(path: source.files[index].path)
        let isFound = isOf(index, place.record)
        if isFound { foundCount += 1 }
        switch state(of: index, facts, place) {
        case .unchanged: report.unchanged += 1
        case .moved:
          guard var record = place.record else { continue }
          record.tags = tags(of: index, facts)
          moved.append(record)
          foundCount += 1
          report.unchanged += 1
        case .open(let task):
          files.append(File(index: index, facts: facts, isFound: isFound, task: task))
        }
      }
      try target.upsert(moved)
    }
    return files
  }

  /// Why a record cannot be made of a file; `nil` if it can.
  private func problem(with index: Int, _ seen: inout Set<ExactText>) -> IngestReport.Problem? {
    let name = source.files[index].name
    if !seen.insert(ExactText(name)).inserted {
      return IngestReport.Problem("another picture has the name '\(name)' too", .equalName)
    }
    if name.utf8.count > RecordLimits.nameByteCountMax {
      return IngestReport.Problem(
        "its name has \(name.utf8.count) bytes; the most is \(RecordLimits.nameByteCountMax)")
    }
    let tagsByteCount = TagsJSON.encode(tags(of: index, nil)).count
    if tagsByteCount + 96 > RecordLimits.tagsByteCountMax {
      return IngestReport.Problem("its path is too long to be kept with the record")
    }
    return nil
  }

  private func state(of index: Int, _ facts: PictureFacts?, _ place: PictureIDs.Place) -> State {
    guard let record = place.record else { return .open(.add(place.id)) }
    let isSame = facts?.isSame(as: record.tags) ?? false
    let replacing = Task.replace(place.id, name: source.files[index].name)
    if isOf(index, record) { return isSame ? .unchanged : .open(replacing) }
    let known = record.tags[PictureFacts.pathTag]
    let isElsewhere = known.map { PictureFacts(path: $0) != nil } ?? false
    if isSame { return isElsewhere ? .unchanged : .moved }
    if wishes.replaces { return .open(replacing) }
    if isElsewhere { return .open(.refuse(.taken(by: known, isSeen: true))) }
    if let known, source.covers(known) { return .open(replacing) }
    // A copy may have got another time; it keeps its size.
    if let facts, let byteCount = record.tags[PictureTags.byteCount],
      byteCount != facts.tags[PictureTags.byteCount]
    {
      return .open(.refuse(.taken(by: known, isSeen: false)))
    }
    return .open(.compare(place.id))
  }

  /// Whether a record is of the file at this path.
  private func isOf(_ index: Int, _ record: Record?) -> Bool {
    record?.tags[PictureFacts.pathTag].map(ExactText.init) == ExactText(source.absolutePath(index))
  }

  private func tags(of index: Int, _ facts: PictureFacts?) -> [String: String] {
    var tags = facts?.tags ?? [:]
    tags[PictureFacts.pathTag] = source.absolutePath(index)
    return tags
  }

  // MARK: Records of other names

  /// Looks at the other records, if there are any: those of some of the files, which are not added a
  /// second time then, and those of files that are gone.
  ///
  /// - Parameter files: Left are those to code, each with what to do then.
  /// - Returns: The records of files that are gone from the folders.
  private mutating func lookAround(_ files: inout [File]) throws -> [ItemID] {
    var gone: [ItemID] = []
    if let collection = target.collection, !files.isEmpty || !source.folders.isEmpty,
      try wishes.prunes || collection.stats().records != foundCount
    {
      try requireNoInterrupt()
      progress.moved(to: 0, detail: "looking for other names")
      gone = try lookAround(&files, in: collection)
    }
    files.removeAll { file in
      guard case .refuse(let problem) = file.task else { return false }
      report.refuse(source.files[file.index].path, problem)
      return true
    }
    return gone
  }

  /// The same for the records of a collection, in one pass over them.
  private mutating func lookAround(
    _ files: inout [File], in collection: any CollectionHandle
  ) throws -> [ItemID] {
    var open: [ExactText: Int] = [:]
    for (place, file) in files.enumerated() where !file.isFound {
      open[ExactText(source.absolutePath(file.index))] = place
    }
    let paths =
      source.folders.isEmpty
      ? [] : Set(source.files.indices.map { ExactText(source.absolutePath($0)) })
    var unchanged: Set<Int> = []
    var gone: [ItemID] = []
    try collection.forEachDescription { id, name, tags in
      try requireNoInterrupt()
      guard let name, let path = tags[PictureFacts.pathTag], source.isName(name, of: path) else {
        return
      }
      if let place = open.removeValue(forKey: ExactText(path)) {
        report.addOtherName(name, of: source.files[files[place].index].path)
        if files[place].facts?.isSame(as: tags) ?? false {
          unchanged.insert(place)
        } else {
          files[place].task = .replace(id, name: name)
        }
      } else if source.covers(path), !paths.contains(ExactText(path)),
        PictureFacts(path: path) == nil
      {
        gone.append(id)
      }
    }
    files = files.indices.filter { !unchanged.contains($0) }.map { files[$0] }
    let used = Set(files.compactMap(\.record))
    gone.removeAll { used.contains($0) }
    report.unchanged += unchanged.count
    report.gone = gone.count
    report.goneNames = try collection.records(Array(gone.prefix(IngestReport.listedCount)))
      .compactMap { $0?.name }
    return gone
  }

  /// Deletes the records of files that are gone, if that was asked for.
  private mutating func prune(_ gone: [ItemID]) throws {
    guard wishes.prunes, let collection = target.collection else { return }
    for start in stride(from: 0, to: gone.count, by: Self.lookupCount) {
      try requireNoInterrupt()
      progress.moved(to: source.files.count, detail: "deleting what is gone")
      report.pruned += try collection.delete(
        Array(gone[start..<min(start + Self.lookupCount, gone.count)])
      ).deleted
    }
  }

  // MARK: Coding

  private mutating func code(_ files: [File]) throws {
    let doneBefore = source.files.count - files.count
    // Safe: the encoder calls one at a time, and none when it has returned.
    nonisolated(unsafe) let progress = progress
    var next = 0
    let isWhole = try encoder.encode(
      files.map { source.files[$0.index].path }[...], blockCount: Self.blockCount,
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
    let known = try recordsToCompare(with: files)
    var records: [Record] = []
    var (added, changed, unchanged) = (0, 0, 0)
    for (file, outcome) in zip(files, outcomes) {
      guard case .coded(let image, let feature) = outcome else {
        if case .refused(let reason) = outcome {
          report.refuse(source.files[file.index].path, IngestReport.Problem(reason))
        }
        continue
      }
      let place: (id: ItemID, name: String)
      switch file.task {
      case .refuse: preconditionFailure("a file that is refused is not coded")
      case .add(let id):
        place = (id, source.files[file.index].name)
        added += 1
      case .replace(let id, let name):
        place = (id, name)
        changed += 1
      case .compare(let id):
        place = (id, source.files[file.index].name)
        if let record = known[id] {
          guard record.image == image, record.feature == feature else {
            report.refuse(
              source.files[file.index].path,
              .taken(by: record.tags[PictureFacts.pathTag], isSeen: false))
            continue
          }
          unchanged += 1
        } else {
          added += 1
        }
      }
      records.append(
        Record(
          id: place.id, name: place.name, tags: tags(of: file.index, file.facts), feature: feature,
          image: image))
    }
    try target.upsert(records)
    report.added += added
    report.changed += changed
    report.unchanged += unchanged
  }

  /// The records of files that cannot be seen from here, as they are now.
  private func recordsToCompare(with files: ArraySlice<File>) throws -> [ItemID: Record] {
    let ids = files.compactMap { file in
      if case .compare(let id) = file.task { id } else { ItemID?.none }
    }
    if ids.isEmpty { return [:] }
    return Dictionary(
      uniqueKeysWithValues: try target.records(ids).compactMap(\.self).map { ($0.id, $0) })
  }

  private func requireNoInterrupt() throws {
    if Interrupt.isRequested { throw interruption }
  }

  private var interruption: CommandError {
    progress.finish()
    let there = report.unchanged + report.added + report.changed
    return CommandError(
      .interrupted,
      "\(Text.grouped(there)) of \(Text.count(source.files.count, "picture")) are in "
        + "'\(target.name)'",
      hint: "to go on, run the same command again")
  }
}

extension PictureFacts {
  static let pathTag = "file_path"

  var tags: [String: String] {
    PictureTags.tags(byteCount: byteCount, modified: Int64(modifiedMilliseconds))
  }

  /// Whether a record with these tags was made of the file as it is.
  func isSame(as tags: [String: String]) -> Bool {
    self.tags.allSatisfy { tags[$0.key] == $0.value }
  }
}
