#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A file's bytes, mapped read-only.
///
/// Rule of use: a file that is mapped may be replaced (by renaming another over it, as
/// ``FileReplacement`` does) but must not be cut short in place: the system answers reads beyond
/// the new end with SIGBUS. ``checkSize()`` before each large read turns the common case of that
/// into an error.
///
/// `@unchecked Sendable` is safe because the mapping is read-only and lives as long as the object.
final class FileMapping: @unchecked Sendable {
  let path: String
  let bytes: UnsafeRawBufferPointer
  private let descriptor: Int32

  init(path: String) throws(NetsError) {
    // Not blocking, so that a named pipe cannot hold the process up before it is refused.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw Self.failure("cannot be opened", path) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let error = Self.failure("cannot be examined", path)
      close(descriptor)
      throw error
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw NetsError(.io, "is not a regular file", path: path)
    }
    let count = Int(status.st_size)
    self.path = path
    self.descriptor = descriptor
    guard count > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let base = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED
    else {
      let error = Self.failure("cannot be mapped", path)
      close(descriptor)
      throw error
    }
    bytes = UnsafeRawBufferPointer(start: base, count: count)
  }

  deinit {
    if let base = bytes.baseAddress {
      munmap(UnsafeMutableRawPointer(mutating: base), bytes.count)
    }
    close(descriptor)
  }

  /// Throws if the file has become shorter than the mapping.
  func checkSize() throws(NetsError) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw Self.failure("cannot be examined", path)
    }
    guard status.st_size >= bytes.count else {
      throw NetsError(
        .io, "was cut from \(bytes.count) to \(status.st_size) bytes while in use", path: path)
    }
  }

  static func failure(_ what: String, _ path: String) -> NetsError {
    NetsError(.io, "\(what): \(String(cString: strerror(errno)))", path: path)
  }
}

/// Writes a file so that its path holds either the old bytes or all of the new ones.
enum FileReplacement {
  /// - Parameter body: Called with a function that appends bytes.
  static func write(
    _ path: String,
    _ body: ((UnsafeRawBufferPointer) throws(NetsError) -> Void) throws(NetsError) -> Void
  ) throws(NetsError) {
    let temporary = "\(path).\(getpid()).partial"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileMapping.failure("cannot be created", temporary) }
    do throws(NetsError) {
      defer { close(descriptor) }
      try body { (bytes) throws(NetsError) in try append(bytes, to: descriptor, temporary) }
      guard fsync(descriptor) == 0 else {
        throw FileMapping.failure("cannot be synced", temporary)
      }
    } catch {
      unlink(temporary)
      throw error
    }
    guard rename(temporary, path) == 0 else {
      let error = FileMapping.failure("cannot be replaced", path)
      unlink(temporary)
      throw error
    }
    try syncFolder(of: path)
  }

  private static func append(
    _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ path: String
  ) throws(NetsError) {
    var rest = bytes
    while !rest.isEmpty {
      #if canImport(Glibc)
        let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
      #else
        let written = Musl.write(descriptor, rest.baseAddress, rest.count)
      #endif
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw FileMapping.failure("cannot be written", path) }
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
    }
  }

  /// Makes a rename survive a power failure.
  private static func syncFolder(of path: String) throws(NetsError) {
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileMapping.failure("cannot be opened", folder) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw FileMapping.failure("cannot be synced", folder) }
  }
}
