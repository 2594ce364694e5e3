import Foundation

/// What a look through a folder found: the pictures, and what it had to leave out and why.
///
/// Links to files are followed, links to folders are not, so no loop of links is walked. Files and
/// folders whose names begin with a dot are left out without a word.
public struct PictureListing: Sendable {
  /// What could not be looked at.
  public struct Refusal: Sendable, Equatable {
    public var path: String
    public var reason: String
  }

  /// The path that was looked through.
  public let path: String
  /// Whether it is a file, which then is the only name.
  public let isFile: Bool
  /// Paths below ``path`` of the files whose names end as those of PNG and JPEG files do, ascending
  /// by their bytes.
  public private(set) var names: [String] = []
  /// Names that are not UTF-8, which no record can have, and folders that cannot be listed.
  public private(set) var refused: [Refusal] = []
  /// How many files have the ending of another kind of picture, by ending.
  public private(set) var otherKinds: [String: Int] = [:]
  /// Links to folders, which were not followed.
  public private(set) var folderLinkCount = 0

  /// Looks through a folder at any depth; a file is itself, whatever its name.
  ///
  /// - Throws: ``CodingError/Code/noPictures`` naming the path, if there is nothing there or it
  ///   cannot be listed.
  public init(of path: String) throws(CodingError) {
    self.path = path
    var facts = stat()
    guard stat(path, &facts) == 0 else {
      throw CodingError(
        .noPictures,
        errno == ENOENT ? "there is no such file or folder" : Self.lastError("cannot be examined"),
        path: path)
    }
    isFile = facts.st_mode & S_IFMT != S_IFDIR
    if isFile {
      names = [(path as NSString).lastPathComponent]
      return
    }
    var waiting = [""]
    while let folder = waiting.popLast() {
      do throws(CodingError) {
        try list(folder, &waiting)
      } catch {
        if folder.isEmpty { throw error }
        refused.append(Refusal(path: base + folder, reason: error.message))
      }
    }
    names.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    refused.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
  }

  /// The paths of ``names``.
  public var paths: [String] { isFile ? [path] : names.map { base + $0 } }

  private var base: String { path.hasSuffix("/") ? path : path + "/" }

  private static let endings: Set<String> = ["jpg", "jpeg", "png"]
  private static let otherEndings: Set<String> = [
    "arw", "avif", "bmp", "cr2", "cr3", "dng", "gif", "heic", "heif", "jfif", "jp2", "jpe", "jxl",
    "nef", "orf", "pbm", "pgm", "ppm", "psd", "raf", "rw2", "svg", "tga", "tif", "tiff", "webp",
  ]

  private static func lastError(_ what: String) -> String {
    "\(what): \(String(cString: strerror(errno)))"
  }

  /// Lists one folder, given below ``path``, and adds the folders in it to those that wait.
  private mutating func list(_ folder: String, _ waiting: inout [String]) throws(CodingError) {
    guard let stream = opendir(folder.isEmpty ? path : base + folder) else {
      throw CodingError(
        .noPictures, Self.lastError("the folder cannot be listed"), path: base + folder)
    }
    defer { closedir(stream) }
    let above = folder.isEmpty ? "" : folder + "/"
    errno = 0
    while let entry = readdir(stream) {
      let kind = Int32(entry.pointee.d_type)
      withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { name in
          if name[0] != CChar(46) { add(name, kind, above, stream, &waiting) }
        }
      }
      errno = 0
    }
    guard errno == 0 else {
      throw CodingError(
        .noPictures, Self.lastError("the folder cannot be read to its end"), path: base + folder)
    }
  }

  /// Puts an entry of a folder where it belongs.
  private mutating func add(
    _ name: UnsafePointer<CChar>, _ kind: Int32, _ above: String, _ folder: OpaquePointer,
    _ waiting: inout [String]
  ) {
    let isFolder: Bool
    switch kind {
    case Int32(DT_DIR): isFolder = true
    case Int32(DT_LNK), Int32(DT_UNKNOWN):
      var facts = stat()
      // What a link does not lead to is said when it is read.
      isFolder =
        fstatat(dirfd(folder), name, &facts, 0) == 0 && facts.st_mode & S_IFMT == S_IFDIR
      if isFolder, fstatat(dirfd(folder), name, &facts, AT_SYMLINK_NOFOLLOW) == 0,
        facts.st_mode & S_IFMT == S_IFLNK
      {
        folderLinkCount += 1
        return
      }
    default: isFolder = false
    }
    let shown = String(cString: name)
    let ending = shown.utf8.lastIndex(of: UInt8(ascii: ".")).map {
      shown[shown.utf8.index(after: $0)...].lowercased()
    }
    guard isFolder || ending.map(Self.endings.contains) == true else {
      if let ending, Self.otherEndings.contains(ending) { otherKinds[ending, default: 0] += 1 }
      return
    }
    guard let exact = String(validatingCString: name) else {
      refused.append(
        Refusal(
          path: base + above + shown,
          reason: "its name is not UTF-8" + (isFolder ? ", so nothing in it was looked at" : "")))
      return
    }
    if isFolder { waiting.append(above + exact) } else { names.append(above + exact) }
  }
}
