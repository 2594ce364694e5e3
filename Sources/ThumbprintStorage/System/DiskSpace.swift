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

enum FileStatus {
  /// The length of a file, 0 when there is none.
  static func byteCount(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }

  static func exists(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0
  }

  static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}
