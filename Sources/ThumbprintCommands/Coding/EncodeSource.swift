import CXXHash
import Foundation
import ThumbprintCoding

/// The files to encode, in order, with their names in the dataset, and what was left out.
struct EncodeSource {
  private(set) var paths: [String] = []
  private(set) var names: [String] = []
  /// What was found and cannot be read, before anything was read.
  private(set) var refused: [EncodeReport.Refusal] = []
  /// Files that are pictures of other kinds, by their ending.
  private(set) var otherKinds: [String: Int] = [:]
  /// Links to folders, which were not followed.
  private(set) var folderLinkCount = 0
  /// The folders that were looked through, absolute and ended by a slash.
  private(set) var folders: [String] = []
  /// The folders in them that could not be, in the same way.
  private(set) var unlistedFolders: [String] = []

  /// Where the files of one argument are.
  private struct Base {
    var path: String
    var absolute: String
  }
  private var bases: [Base] = []
  private var baseOfPath: [Int32] = []

  /// - Parameters:
  ///   - arguments: Files and folders. The name of a file in a folder is its path below it; with
  ///     several arguments, behind the last part of the folder's. A file that is met twice counts
  ///     once.
  ///   - prefix: Put before every name, with a slash.
  /// - Throws: ``CodingError`` if there is nothing in one of them.
  init(_ arguments: [String], prefix: String? = nil) throws {
    let front = prefix.map { $0 + "/" } ?? ""
    var met: Set<ExactText> = []
    for argument in arguments {
      let listing = try PictureListing(of: argument)
      try Self.requirePictures(listing)
      let last = URL(filePath: argument).lastPathComponent
      let number = Int32(bases.count)
      bases.append(Self.base(of: listing))
      for (path, below) in zip(listing.paths, listing.names) {
        if arguments.count > 1 {
          let absolute = bases[Int(number)].absolute + below
          guard met.insert(ExactText(absolute)).inserted else { continue }
        }
        let name =
          arguments.count == 1 ? below : listing.isFile ? argument : "\(last)/\(below)"
        paths.append(path)
        names.append(front + name)
        baseOfPath.append(number)
      }
      add(listing)
    }
  }

  /// The absolute path of a file, without links but for its own.
  func absolutePath(_ index: Int) -> String {
    let base = bases[Int(baseOfPath[index])]
    return base.absolute
      + String(decoding: paths[index].utf8.dropFirst(base.path.utf8.count), as: UTF8.self)
  }

  private mutating func add(_ listing: PictureListing) {
    let base = bases[bases.count - 1]
    refused += listing.refused.map { EncodeReport.Refusal(path: $0.path, reason: $0.reason) }
    otherKinds.merge(listing.otherKinds, uniquingKeysWith: +)
    folderLinkCount += listing.folderLinkCount
    guard !listing.isFile else { return }
    folders.append(base.absolute)
    unlistedFolders += listing.refused.map {
      base.absolute + String(decoding: $0.path.utf8.dropFirst(base.path.utf8.count), as: UTF8.self)
        + "/"
    }
  }

  private static func requirePictures(_ listing: PictureListing) throws {
    guard listing.names.isEmpty, listing.refused.isEmpty else { return }
    let others = text(ofKinds: listing.otherKinds)
    throw CommandError(
      .badData, "'\(listing.path)': there is no PNG or JPEG file below it",
      hint: others.map { "there are files of other kinds, which are not read: \($0)" })
  }

  /// "12 .heic, 1 .gif"; `nil` for none.
  static func text(ofKinds kinds: [String: Int]) -> String? {
    if kinds.isEmpty { return nil }
    return kinds.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }
      .map { "\(Text.grouped($0.value)) .\($0.key)" }.joined(separator: ", ")
  }

  private static func base(of listing: PictureListing) -> Base {
    var folder = listing.path
    if listing.isFile {
      folder = String(decoding: folder.utf8.dropLast(listing.names[0].utf8.count), as: UTF8.self)
    } else if !folder.hasSuffix("/") {
      folder += "/"
    }
    var absolute = folder
    if let resolved = realpath(folder.isEmpty ? "." : folder, nil) {
      absolute = String(cString: resolved)
      free(resolved)
    }
    return Base(path: folder, absolute: absolute.hasSuffix("/") ? absolute : absolute + "/")
  }

  /// A hash over paths, sizes and times of change: equal if nothing changed.
  func fingerprint() -> String {
    var text = ""
    for path in paths {
      let facts = PictureFacts(path: path)
      text += "\(path)\0\(facts?.byteCount ?? 0)\0\(facts?.modifiedMilliseconds ?? 0)\0"
    }
    let hash = text.withUTF8 { XXH3_64bits($0.baseAddress, $0.count) }
    return String(hash, radix: 16)
  }
}

/// What tells whether a file was changed: its size, and when it was written.
struct PictureFacts: Hashable {
  var byteCount: Int64
  var modifiedMilliseconds: Int64

  /// Those of the file that a path leads to, through links; `nil` if there is none.
  init?(path: String) {
    var facts = stat()
    guard stat(path, &facts) == 0 else { return nil }
    byteCount = Int64(facts.st_size)
    modifiedMilliseconds =
      Int64(facts.st_mtim.tv_sec) * 1000 + (Int64(facts.st_mtim.tv_nsec) + 500_000) / 1_000_000
  }
}
