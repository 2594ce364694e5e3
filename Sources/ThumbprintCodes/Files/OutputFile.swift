import Glibc

/// A file being written, which gets its name only when it is complete and durable.
///
/// Until ``finish(syncingFolder:)`` the bytes are in a file beside the final one, with `.partial-`
/// in its name. It is removed by a failure, by ``abandon()`` and when the object goes; only a
/// killed process leaves it behind.
package final class OutputFile {
  /// The calls that move bytes to the disk.
  ///
  /// Tests put others in their place, within a task, to see what a full disk does.
  package struct SystemCalls: Sendable {
    package var write: @Sendable (Int32, UnsafeRawPointer?, Int) -> Int = Glibc.write
    package var sync: @Sendable (Int32) -> Int32 = Glibc.fsync

    package init() {}

    @TaskLocal package static var current = SystemCalls()
  }

  private enum State {
    case open, finished
    case failed(CodedDatasetError)
  }

  package let path: String
  /// Bytes given so far, flushed or not.
  package private(set) var byteCount = 0
  private let partialPath: String
  private var descriptor: Int32
  private var state = State.open
  /// Whether nothing has the partial name any more: it was removed, or became the final one.
  private var isGone = false
  private let buffer: UnsafeMutableRawBufferPointer
  private var bufferedByteCount = 0

  /// Starts a file that will have the name `path`; one that has it now stays until then.
  package init(path: String, bufferByteCount: Int = 1 << 20) throws(CodedDatasetError) {
    self.path = path
    partialPath = FileSystem.partialPath(for: path)
    descriptor = open(partialPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw FileSystem.failure(errno, path: path, doing: "create it")
    }
    buffer = .allocate(byteCount: bufferByteCount, alignment: 64)
  }

  deinit {
    abandon()
    buffer.deallocate()
  }

  /// Appends bytes.
  ///
  /// - Throws: ``CodedDatasetError/Code/diskFull`` or ``CodedDatasetError/Code/io``. The file is
  ///   gone then, and every later call throws the same error.
  package func append(_ bytes: UnsafeRawBufferPointer) throws(CodedDatasetError) {
    try requireOpen()
    if bytes.count > buffer.count - bufferedByteCount { try flush() }
    if bytes.count > buffer.count {
      try put(bytes)
    } else if let source = bytes.baseAddress, let target = buffer.baseAddress {
      (target + bufferedByteCount).copyMemory(from: source, byteCount: bytes.count)
      bufferedByteCount += bytes.count
    }
    byteCount += bytes.count
  }

  package func append(_ bytes: [UInt8]) throws(CodedDatasetError) {
    try bytes.span.withUnsafeBytes { bytes throws(CodedDatasetError) in try append(bytes) }
  }

  /// Writes over the first bytes of the file, which are there already.
  package func replaceStart(with bytes: [UInt8]) throws(CodedDatasetError) {
    precondition(bytes.count <= byteCount, "\(bytes.count) bytes do not start \(byteCount)")
    try requireOpen()
    try flush()
    guard lseek(descriptor, 0, SEEK_SET) == 0 else { throw fail(errno, doing: "seek in it") }
    try bytes.span.withUnsafeBytes { bytes throws(CodedDatasetError) in try put(bytes) }
    guard lseek(descriptor, 0, SEEK_END) >= 0 else { throw fail(errno, doing: "seek in it") }
  }

  /// Makes the bytes durable and then gives the file its name, in place of what had it.
  ///
  /// - Parameter syncingFolder: Whether the name is to be durable too; `false` where the caller
  ///   syncs the folder later.
  package func finish(syncingFolder: Bool = true) throws(CodedDatasetError) {
    try requireOpen()
    try flush()
    guard SystemCalls.current.sync(descriptor) == 0 else { throw fail(errno, doing: "sync it") }
    let closed = close(descriptor)
    descriptor = -1
    guard closed == 0 else { throw fail(errno, doing: "close it") }
    guard rename(partialPath, path) == 0 else { throw fail(errno, doing: "give it its name") }
    state = .finished
    isGone = true
    if syncingFolder { try FileSystem.syncFolder(FileSystem.folder(of: path)) }
  }

  /// Removes what was written, unless the file is finished.
  package func abandon() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
    guard !isGone else { return }
    isGone = true
    unlink(partialPath)
  }

  private func requireOpen() throws(CodedDatasetError) {
    switch state {
    case .open: precondition(descriptor >= 0, "'\(path)' was abandoned")
    case .finished: preconditionFailure("'\(path)' is finished")
    case .failed(let error): throw error
    }
  }

  private func flush() throws(CodedDatasetError) {
    let pending = UnsafeRawBufferPointer(rebasing: buffer[..<bufferedByteCount])
    bufferedByteCount = 0
    try put(pending)
  }

  private func put(_ bytes: UnsafeRawBufferPointer) throws(CodedDatasetError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let slice = UnsafeRawBufferPointer(rebasing: rest)
      let written = SystemCalls.current.write(descriptor, slice.baseAddress, slice.count)
      if written < 0 {
        if errno == EINTR { continue }
        throw fail(errno, doing: "write to it")
      }
      // POSIX lets write take nothing and say so; going round for ever would hide it.
      guard written > 0 else { throw fail(EIO, doing: "write to it") }
      rest = rest.dropFirst(written)
    }
  }

  private func fail(_ number: Int32, doing action: String) -> CodedDatasetError {
    let error = FileSystem.failure(number, path: path, doing: action)
    abandon()
    state = .failed(error)
    return error
  }
}
