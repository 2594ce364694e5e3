import Glibc

/// A lock on a file, held while the value lives; the operating system lets go of it when the
/// process ends, however it ends.
package final class FileLock: Sendable {
  private let descriptor: Int32

  /// - Throws: ``StoreError/Code/locked`` if anyone holds it, in this process or another.
  package init(path: String) throws {
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw StoreError.system(errno, "cannot open", path: path) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let number = errno
      close(descriptor)
      throw number == EWOULDBLOCK
        ? StoreError(
          .locked, "another writer has this store open", path: path,
          hint: "wait until it is done; reading is possible meanwhile")
        : StoreError.system(number, "cannot lock", path: path)
    }
  }

  deinit {
    // Closing alone would leave the lock to a child that another thread is just starting: it has
    // a copy of the descriptor until it runs its program.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}

/// Changes to folders that survive a crash once they return.
package enum DurableFiles {
  package static func createFolder(_ path: String) throws {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw StoreError.system(errno, "cannot make the folder", path: path)
    }
  }

  /// Writes a whole file: never a part of it under its name.
  static func write(_ bytes: [UInt8], to path: String) throws {
    let temporary = path + ".new"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw StoreError.system(errno, "cannot write", path: path) }
    defer { close(descriptor) }
    var written = 0
    while written < bytes.count {
      let count = bytes[written...].withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      guard count > 0 else {
        throw StoreError.system(count < 0 ? errno : ENOSPC, "cannot write", path: path)
      }
      written += count
    }
    guard fsync(descriptor) == 0 else {
      throw StoreError.system(errno, "cannot write", path: path)
    }
    try rename(temporary, to: path)
  }

  static func rename(_ old: String, to new: String) throws {
    guard Glibc.rename(old, new) == 0 else {
      throw StoreError.system(errno, "cannot rename to \(new)", path: old)
    }
    try syncFolder(of: new)
  }

  static func syncFolder(of path: String) throws {
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    try sync(folder.isEmpty ? "/" : folder)
  }

  static func sync(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw StoreError.system(errno, "cannot open", path: path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else {
      throw StoreError.system(errno, "cannot sync", path: path)
    }
  }

  /// The bytes of a small file.
  static func read(_ path: String, byteCountMax: Int) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw StoreError.system(errno, "cannot open", path: path) }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: byteCountMax + 1)
    let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
    guard count >= 0 else { throw StoreError.system(errno, "cannot read", path: path) }
    guard count <= byteCountMax else {
      throw StoreError.corrupt(
        path: path, "the file", expected: "at most \(byteCountMax) bytes", found: "more")
    }
    return Array(bytes[..<count])
  }

  /// The names in a folder, sorted, without those that begin with a dot.
  static func names(in path: String, withHidden: Bool = false) throws -> [String] {
    guard let folder = opendir(path) else {
      throw StoreError.system(errno, "cannot read the folder", path: path)
    }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name == "." || name == ".." || (name.hasPrefix(".") && !withHidden) { continue }
      names.append(name)
    }
    return names.sorted()
  }

  /// Removes a folder of files and folders.
  static func removeFolder(_ path: String) throws {
    for name in try names(in: path, withHidden: true) {
      let inner = path + "/" + name
      if FileStatus.isFolder(inner) {
        try removeFolder(inner)
      } else if unlink(inner) != 0 {
        throw StoreError.system(errno, "cannot remove", path: inner)
      }
    }
    if rmdir(path) != 0 { throw StoreError.system(errno, "cannot remove", path: path) }
  }
}
