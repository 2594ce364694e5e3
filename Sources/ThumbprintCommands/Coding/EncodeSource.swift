import CXXHash
import Foundation
import ThumbprintCoding

/// The files to encode, in order, with their names in the dataset, and what was left out.
struct EncodeSource {
  /// A picture.
  struct File {
    /// As it was found: what is opened, and shown.
    var path: String
    /// What its record is called.
    var name: String
    /// Where it was found, as a place in `bases`.
    fileprivate var base: Int32
  }

  private(set) var files: [File] = []
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
  /// What every name begins with: nothing, or a prefix and a slash.
  private let front: String

  /// Where the files of one argument are.
  private struct Base {
    /// Ended by a slash, or empty.
    var path: String
    /// The same without links, ended by a slash.
    var absolute: String

    /// The last part of the folder's path; empty for the folder above all.
    var folderName: Substring {
      absolute.split(separator: "/").last ?? ""
    }
  }
  private var bases: [Base] = []

  /// - Parameters:
  ///   - arguments: Files and folders. A file or folder that is met twice counts once.
  ///   - prefix: Put before every name, with a slash.
  /// - Throws: ``CodingError`` if there is nothing in one of them.
  init(_ arguments: [String], prefix: String? = nil) throws {
    front = prefix.map { $0 + "/" } ?? ""
    var listings: [PictureListing] = []
    for argument in arguments {
      let listing = try PictureListing(of: argument)
      try Self.requirePictures(listing)
      let base = Self.base(of: listing)
      if !listing.isFile {
        if folders.contains(where: { ExactText($0) == ExactText(base.absolute) }) { continue }
        folders.append(base.absolute)
      }
      listings.append(listing)
      bases.append(base)
    }
    var met: Set<ExactText> = []
    for (number, listing) in listings.enumerated() {
      let base = bases[number]
      for (path, below) in zip(listing.paths, listing.names) {
        guard listings.count == 1 || met.insert(ExactText(base.absolute + below)).inserted
        else { continue }
        let name = Self.name(
          below, in: folders.count > 1 && !listing.isFile ? base.folderName : "")
        files.append(File(path: path, name: front + name, base: Int32(number)))
      }
      add(listing, base)
    }
  }

  /// The name of a picture: of a file that was given, its own, without folders; of one in a folder
  /// that was given, the path below that, and if several folders were given, behind the last part of
  /// the folder's path. It does not depend on how a path was written, and apart from a prefix it is
  /// always the end of the picture's absolute path.
  ///
  /// - Parameters:
  ///   - below: The path below what was given; of a file its own name.
  ///   - folderName: Empty unless several folders were given.
  private static func name(_ below: String, in folderName: Substring) -> String {
    folderName.isEmpty ? below : folderName + "/" + below
  }

  /// The absolute path of a file, without links but for its own.
  func absolutePath(_ index: Int) -> String {
    let base = bases[Int(files[index].base)]
    return base.absolute
      + String(
        decoding: files[index].path.utf8.dropFirst(base.path.utf8.count), as: UTF8.self)
  }

  /// Whether a picture at `path` may have got its `name` from a run with the prefix of this one,
  /// whatever was given to that. Pictures that were given other prefixes are kept apart.
  func isName(_ name: String, of path: String) -> Bool {
    guard name.utf8.starts(with: front.utf8) else { return false }
    let rest = name.utf8.dropFirst(front.utf8.count).reversed()
    guard path.utf8.reversed().starts(with: rest) else { return false }
    let before = path.utf8.dropLast(rest.count).last
    return before == nil || before == UInt8(ascii: "/")
  }

  /// Whether the files that were found tell what became of the one at `path`.
  func covers(_ path: String) -> Bool {
    func isIn(_ folder: String) -> Bool { path.utf8.starts(with: folder.utf8) }
    return folders.contains(where: isIn) && !unlistedFolders.contains(where: isIn)
  }

  private mutating func add(_ listing: PictureListing, _ base: Base) {
    refused += listing.refused.map { EncodeReport.Refusal(path: $0.path, reason: $0.reason) }
    otherKinds.merge(listing.otherKinds, uniquingKeysWith: +)
    folderLinkCount += listing.folderLinkCount
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
    for file in files {
      let facts = PictureFacts(path: file.path)
      text += "\(file.path)\0\(facts?.byteCount ?? 0)\0\(facts?.modifiedMilliseconds ?? 0)\0"
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
