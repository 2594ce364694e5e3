import Glibc

/// The calls to the operating system that arrays and datasets need, with failures as typed errors.
enum FileSystem {
  enum Kind: Equatable {
    case absent, file, folder, other
  }

  /// What is at `path`, symbolic links followed.
  static func kind(of path: String) throws(CodedDatasetError) -> Kind {
    var status = stat()
    if stat(path, &status) != 0 {
      if errno == ENOENT || errno == ENOTDIR { return .absent }
      throw failure(errno, path: path, doing: "look at it")
    }
    return kind(status)
  }

  static func kind(_ status: stat) -> Kind {
    switch status.st_mode & S_IFMT {
    case S_IFREG: .file
    case S_IFDIR: .folder
    default: .other
    }
  }

  static func createFolder(_ path: String) throws(CodedDatasetError) {
    if mkdir(path, 0o777) != 0 { throw failure(errno, path: path, doing: "make the folder") }
  }

  /// Removes a folder of this dataset's making and the files in it; best effort, for cleaning up.
  static func removeFolder(_ path: String) {
    for name in DatasetFiles.content + [DatasetFiles.manifest] {
      unlink(DatasetFiles.path(name, in: path))
    }
    rmdir(path)
  }

  static func rename(_ path: String, to target: String) throws(CodedDatasetError) {
    if Glibc.rename(path, target) != 0 {
      throw failure(errno, path: target, doing: "give it its name")
    }
  }

  /// Makes the entries of a folder durable: names made or changed in it survive a power loss.
  static func syncFolder(_ path: String) throws(CodedDatasetError) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(errno, path: path, doing: "open the folder") }
    defer { close(descriptor) }
    // Some file systems cannot sync a folder and say EINVAL; there is nothing more to ask of them.
    if fsync(descriptor) != 0, errno != EINVAL {
      throw failure(errno, path: path, doing: "sync the folder")
    }
  }

  /// The folder that holds `path`; `.` for a bare name.
  static func folder(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// A name beside `path` that nothing has, for what is not yet complete.
  static func partialPath(for path: String) -> String {
    "\(path).partial-\(String(UInt64.random(in: .min ... .max), radix: 36))"
  }

  /// The error for a call that failed with `errno`.
  static func failure(_ number: Int32, path: String, doing action: String) -> CodedDatasetError {
    let reason = String(cString: strerror(number))
    let code: CodedDatasetError.Code =
      switch number {
      case ENOENT, ENOTDIR: .notFound
      case EEXIST, ENOTEMPTY: .exists
      case ENOSPC, EDQUOT: .diskFull
      default: .io
      }
    return CodedDatasetError(code, path: path, "cannot \(action): \(reason)")
  }
}
