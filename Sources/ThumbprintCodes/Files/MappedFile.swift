import Glibc

/// How a mapped file is going to be read, which decides what the system reads ahead.
public enum FileAccess: Sendable {
  /// In some order that is not known.
  case normal
  /// Mostly from start to end.
  case sequential
  /// Here and there: nothing is read ahead.
  case random
}

/// A regular file mapped into memory, read-only, for as long as this object lives.
///
/// The size is fixed at opening. A file that shrinks while it is mapped ends the process when the
/// missing part is read: files of a dataset must not be changed in place while they are in use.
// Sendable: the memory is mapped without leave to write, and unmapped when nobody has the object.
final class MappedFile: @unchecked Sendable {
  let path: String
  /// The contents, for owners that keep this object while they use them; otherwise the object may
  /// go, and the memory with it, right after the pointer is read: see ``withBytes(_:)``.
  let bytes: UnsafeRawBufferPointer

  init(path: String, access: FileAccess = .normal) throws(CodedDatasetError) {
    self.path = path
    // Without O_NONBLOCK the opening of a named pipe would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw FileSystem.failure(errno, path: path, doing: "open it") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw FileSystem.failure(errno, path: path, doing: "look at it")
    }
    switch FileSystem.kind(status) {
    case .file: break
    case .folder:
      throw CodedDatasetError(.notAFile, path: path, "expected a file, found a folder")
    case .other, .absent:
      throw CodedDatasetError(
        .notAFile, path: path, "expected a regular file, found a device, pipe or socket")
    }
    let byteCount = Int(status.st_size)
    guard byteCount > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let base = mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0),
      base != MAP_FAILED
    else {
      throw FileSystem.failure(errno, path: path, doing: "map its \(byteCount) bytes")
    }
    bytes = UnsafeRawBufferPointer(start: base, count: byteCount)
    // Advice only: whether the system takes it changes nothing but speed.
    switch access {
    case .normal: break
    case .sequential: _ = madvise(base, byteCount, MADV_SEQUENTIAL)
    case .random: _ = madvise(base, byteCount, MADV_RANDOM)
    }
  }

  deinit {
    if let base = bytes.baseAddress {
      munmap(UnsafeMutableRawPointer(mutating: base), bytes.count)
    }
  }

  /// Calls `body` with the contents, which stay in place until it returns.
  func withBytes<R, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    defer { extendLifetime(self) }
    return try body(bytes)
  }

  /// Takes the whole pages within a range of bytes out of this process, not out of the system's
  /// cache; reading them again brings them back. It keeps a long pass in bounded memory.
  func release(_ range: Range<Int>) {
    guard let base = bytes.baseAddress else { return }
    let pageByteCount = sysconf(Int32(_SC_PAGESIZE))
    let start = (range.lowerBound + pageByteCount - 1) / pageByteCount * pageByteCount
    let end = range.upperBound / pageByteCount * pageByteCount
    guard start < end, end <= bytes.count else { return }
    _ = madvise(UnsafeMutableRawPointer(mutating: base + start), end - start, MADV_DONTNEED)
  }
}
