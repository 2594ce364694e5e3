import Glibc

/// What a disk still takes.
enum DiskSpace {
  /// Kept free beyond what a batch needs: room for pages of the trees, and for deletions.
  static let marginByteCount = 4 << 20

  /// The bytes by which the file at `path` may still grow: free space of its file system for
  /// this user, or what is left of the limit on file sizes, whichever is less.
  static func availableByteCount(_ path: String) -> Int {
    var available = Int.max
    var disk = statvfs()
    if statvfs(path, &disk) == 0 {
      let (bytes, overflow) = UInt64(disk.f_bavail).multipliedReportingOverflow(
        by: UInt64(disk.f_frsize))
      available = overflow ? Int.max : Int(clamping: bytes)
    }
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0,
      limit.rlim_cur < rlim_t(Int.max)
    {
      available = min(available, max(0, Int(limit.rlim_cur) - FileStatus.byteCount(path)))
    }
    return available
  }

  static func isNearlyFull(_ path: String) -> Bool {
    availableByteCount(path) < 64 << 20
  }
}

/// What is at a path. Without `struct stat`, which two modules bring to Swift: which of them a
/// file would have to import depends on the order in which they were built.
enum FileStatus {
  /// The length of a file, 0 when there is none.
  static func byteCount(_ path: String) -> Int {
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { return 0 }
    defer { close(descriptor) }
    return max(0, Int(lseek(descriptor, 0, SEEK_END)))
  }

  static func exists(_ path: String) -> Bool {
    access(path, F_OK) == 0
  }

  static func isFolder(_ path: String) -> Bool {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    close(descriptor)
    return true
  }
}
