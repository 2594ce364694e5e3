import ArgumentParser
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintIndex

/// Codes to look for, from a file or folder.
struct QueryCodeOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Codes to look for: an array of n × \(FeatureCode.byteCount) uint8, a .bvecs file or a coded dataset.",
      valueName: "file"),
    completion: .file())
  var codes: String?

  @Option(help: ArgumentHelp("Only this row of the codes, from 0.", valueName: "number"))
  var row: Int?

  mutating func validate() throws {
    if codes == nil, row != nil { throw ValidationError("--row: needs --codes") }
  }

  /// The codes, checked against the other flags; `nil` when none are given.
  func open(metric: SearchMetric) throws -> QueryRows? {
    guard let codes else { return nil }
    let dataset = try CommandError.naming("--codes") { try CodedDataset(path: codes) }
    if metric == .combined, dataset.withUnsafeColumns({ $0.images == nil }) {
      throw CommandError.flag(
        "--metric", "combined compares image codes too, and \(codes) has none",
        hint: "give a dataset folder with images.npy, or ask with --id")
    }
    guard let row else { return QueryRows(dataset: dataset, rows: 0..<dataset.count) }
    guard (0..<dataset.count).contains(row) else {
      let bounds = dataset.count == 0 ? "has no rows" : "has rows 0...\(dataset.count - 1)"
      throw CommandError.flag("--row", "there is no row \(row): \(codes) \(bounds)")
    }
    return QueryRows(dataset: dataset, rows: row..<row + 1)
  }
}

/// Rows of a dataset to look for.
struct QueryRows {
  var dataset: CodedDataset
  var rows: Range<Int>
}

/// What is looked for, one query after another.
enum QuerySource {
  case rows(QueryRows)
  case record(Record)
  case picture(CodedPicture)

  var count: Int {
    switch self {
    case .rows(let rows): rows.rows.count
    case .record, .picture: 1
    }
  }

  /// What shows the picture that is looked for; `nil` for codes from a file.
  var image: ImageCode? {
    switch self {
    case .rows: nil
    case .record(let record): record.image
    case .picture(let picture): picture.image
    }
  }

  /// The row of the file that holds query `number`; `nil` for a record or a picture.
  func row(of number: Int) -> Int? {
    switch self {
    case .rows(let rows): rows.rows.lowerBound + number
    case .record, .picture: nil
    }
  }

  func query(_ number: Int, terms: SearchTerms) -> SearchQuery {
    let feature: FeatureCode
    let image: ImageCode
    switch self {
    case .rows(let rows):
      let row = rows.rows.lowerBound + number
      (feature, image) = (rows.dataset.feature(at: row), rows.dataset.image(at: row))
    case .record(let record):
      (feature, image) = (record.feature, record.image)
    case .picture(let picture):
      (feature, image) = (picture.feature, picture.image)
    }
    return SearchQuery(
      feature: feature, image: terms.metric == .combined ? image : nil, extent: terms.extent,
      distanceMax: terms.distanceMax, promise: terms.promise, metric: terms.metric)
  }

  /// Refuses a code of which nothing was said about what the picture shows: all such codes are equal.
  /// With the combined metric the image codes tell them apart.
  func requireFeatures(metric: SearchMetric) throws {
    guard metric == .feature else { return }
    switch self {
    case .rows(let rows):
      guard let row = rows.rows.first(where: { !rows.dataset.feature(at: $0).isThere }) else {
        return
      }
      throw Self.noFeature("--codes: row \(row) of '\(rows.dataset.path)'")
    case .record(let record):
      if !record.feature.isThere { throw Self.noFeature("--id: record \(record.id)") }
    case .picture: return
    }
  }

  private static func noFeature(_ what: String) -> CommandError {
    CommandError(
      .badData, "\(what) has no feature code, so nothing can be said to be like it",
      hint: "'encode' without --images-only makes feature codes; --metric combined compares image "
        + "codes too")
  }

  /// Refuses codes that were made by another coder than those of the collection: their
  /// distances would mean nothing.
  func requireCoder(of collection: any CollectionHandle) throws {
    let flag: String
    let ours: CoderIdentity?
    switch self {
    case .rows(let rows): (flag, ours) = ("--codes: \(rows.dataset.path)", rows.dataset.coder)
    case .picture(let picture): (flag, ours) = ("--image: \(picture.path)", picture.coder)
    case .record: return
    }
    guard let ours else { return }
    guard let theirs = try collection.report().coder else {
      // Arrays are their owner's word; a picture is coded here, by a model that may be another.
      guard case .picture = self else { return }
      throw CommandError(
        .badData,
        "\(flag): nobody said which coder made the codes of '\(collection.name)', so no picture can "
          + "be compared with them",
        hint: "--coder of 'collection create', or the dataset that is loaded, says it")
    }
    guard ours.name != theirs else { return }
    throw CommandError(
      .badData,
      "\(flag) was made by coder '\(ours)', the records of '\(collection.name)' by '\(theirs)'",
      hint: "give the model that made them by --model")
  }
}

/// The codes of a picture file.
struct CodedPicture {
  var path: String
  var coder: CoderIdentity
  var feature: FeatureCode
  var image: ImageCode

  /// Reads and codes a file.
  ///
  /// - Throws: ``CommandError`` naming `--image` for a file that cannot be read.
  init(path: String, _ options: ModelOptions) throws {
    let model = try options.load()
    guard model.features != nil else {
      throw CommandError(
        .usage, "--model: the model has no feature network, so pictures cannot be found by it")
    }
    let outcomes = PictureEncoder(model, threadCount: 1).encode([path])
    switch outcomes?.first {
    case .coded(let image, let feature):
      (self.path, coder, self.feature, self.image) = (path, model.identity, feature, image)
    case .refused(let reason):
      throw CommandError(.badData, "--image: \(path): \(reason)")
    case nil:
      throw CommandError(.internalError, "--image: \(path): was not coded")
    }
  }
}
