import ThumbprintCodes
import ThumbprintCoding

/// What a run did, as `--json` shows it.
struct IngestReport: Encodable {
  /// Why there is no record of a file.
  struct Problem {
    enum Kind {
      case other
      /// Another picture in the collection has its name.
      case takenName
      /// Another picture of the run has its name.
      case equalName
    }

    var reason: String
    var kind: Kind

    init(_ reason: String, _ kind: Kind = .other) {
      self.reason = reason
      self.kind = kind
    }

    /// - Parameters:
    ///   - path: The file whose record has the name; `nil` if nobody noted it.
    ///   - isSeen: Whether there is such a file, as far as can be seen from here.
    static func taken(by path: String?, isSeen: Bool) -> Problem {
      let owner = path.map { "'\($0)'" } ?? "a picture without a path"
      return Problem(
        "its name is that of \(owner), which is in the collection"
          + (isSeen ? "" : " with other contents, and cannot be seen from here"), .takenName)
    }
  }

  /// What is listed on the terminal at most, of each list.
  static let listedCount = 20

  var collection: String
  var coder: CoderIdentity
  var added = 0
  /// Pictures that were there with other contents.
  var changed = 0
  var unchanged = 0
  /// Those among the changed and unchanged ones that are in the collection under another name than
  /// this run gives them, which they keep.
  var otherNames = 0
  /// Records of files that are not there any more, and how many of them were deleted.
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
  var otherNamesOfPaths: [(path: String, name: String)] = []
  var problems: Set<Problem.Kind> = []

  private enum CodingKeys: String, CodingKey {
    case collection, coder, added, changed, unchanged, otherNames, gone, pruned, refused
    case otherKinds, folderLinks, seconds
  }

  init(collection: String, coder: CoderIdentity) {
    self.collection = collection
    self.coder = coder
  }

  mutating func refuse(_ path: String, _ problem: Problem) {
    refused.append(EncodeReport.Refusal(path: path, reason: problem.reason))
    problems.insert(problem.kind)
  }

  /// - Parameter path: A file whose record has that name, and not the one that this run gives it.
  mutating func addOtherName(_ name: String, of path: String) {
    otherNames += 1
    if otherNames <= Self.listedCount { otherNamesOfPaths.append((path, name)) }
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
