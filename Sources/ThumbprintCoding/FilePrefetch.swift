import Synchronization
import ThumbprintImages

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Files that are coded together.
struct FileGroup: Sendable {
  /// From 0 on, in the order of the paths.
  let number: Int
  let files: [FetchedFile]
}

/// A file that was read ahead, or one that is for its worker to read.
enum FetchedFile: Sendable {
  case bytes([UInt8])
  case refused(ImagesError)
  case unread(path: String)

  /// - Throws: ``ImagesError``.
  func decode(sideMin: Int, limits: DecodingLimits) throws(ImagesError) -> Picture {
    switch self {
    case .bytes(let bytes):
      try PictureReader.decode(bytes, sideMin: sideMin, limits: limits)
    case .refused(let error): throw error
    case .unread(let path):
      try PictureReader.read(path: path, sideMin: sideMin, limits: limits)
    }
  }
}

/// Reads groups of files a little ahead of those who work on them, so that they need not wait for
/// disks: a small file takes a disk about as long as a network.
///
/// `@unchecked Sendable` is safe because a lock guards all that changes.
final class FilePrefetch: @unchecked Sendable {
  private let paths: ArraySlice<String>
  private let groupCount: Int
  private let byteCountMax: Int
  private let ahead: Int
  private var lock = pthread_mutex_t()
  private var hasChanged = pthread_cond_t()
  private var ready: [FileGroup] = []
  private var isStopped = false
  private var isDone = false

  /// Files above this are left to the worker, whose decoding takes far longer: 1 MiB. It bounds what
  /// waits to `ahead` groups of so much a file.
  private static let byteCountAheadMax = 1 << 20

  /// - Parameters:
  ///   - groupCount: Files of a group.
  ///   - byteCountMax: Bytes of a file above which it is refused.
  ///   - ahead: Groups that wait at most.
  init(_ paths: ArraySlice<String>, groupCount: Int, byteCountMax: Int, ahead: Int) {
    self.paths = paths
    self.groupCount = groupCount
    self.byteCountMax = byteCountMax
    self.ahead = ahead
    pthread_mutex_init(&lock, nil)
    pthread_cond_init(&hasChanged, nil)
  }

  deinit {
    pthread_cond_destroy(&hasChanged)
    pthread_mutex_destroy(&lock)
  }

  private func withLock<R>(_ body: () -> R) -> R {
    pthread_mutex_lock(&lock)
    defer { pthread_mutex_unlock(&lock) }
    return body()
  }

  /// Reads until all files are read or somebody stops. For one thread.
  func read() {
    for (number, start) in stride(from: paths.startIndex, to: paths.endIndex, by: groupCount)
      .enumerated()
    {
      let group = paths[start..<min(paths.endIndex, start + groupCount)]
      let files = group.map(fetch)
      let goesOn = withLock { () -> Bool in
        while ready.count >= ahead, !isStopped { pthread_cond_wait(&hasChanged, &lock) }
        guard !isStopped else { return false }
        ready.append(FileGroup(number: number, files: files))
        pthread_cond_broadcast(&hasChanged)
        return true
      }
      if !goesOn { break }
    }
    withLock {
      isDone = true
      pthread_cond_broadcast(&hasChanged)
    }
  }

  private func fetch(_ path: String) -> FetchedFile {
    do throws(ImagesError) {
      let bytes = try PictureReader.load(
        path: path, byteCountMax: byteCountMax, byteCountWanted: Self.byteCountAheadMax)
      return bytes.map(FetchedFile.bytes) ?? .unread(path: path)
    } catch {
      return .refused(error)
    }
  }

  /// The next group, waiting for it if need be; `nil` after the last, or when somebody stopped.
  func next() -> FileGroup? {
    withLock {
      while ready.isEmpty, !isDone, !isStopped { pthread_cond_wait(&hasChanged, &lock) }
      guard !isStopped, !ready.isEmpty else { return nil }
      defer { pthread_cond_broadcast(&hasChanged) }
      return ready.removeFirst()
    }
  }

  /// Ends the work: nobody gets another group.
  func stop() {
    withLock {
      isStopped = true
      ready = []
      pthread_cond_broadcast(&hasChanged)
    }
  }
}
