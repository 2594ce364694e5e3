import Glibc
import Synchronization

/// A text file with one line per record, mapped into memory.
///
/// Lines are found through the offsets of every 256th line, which the first use collects in one
/// pass: 8 bytes of memory for 256 records, however long the lines are.
final class LineFile: Sendable {
  static let lineCountPerCheckpoint = 256

  let file: MappedFile
  let lineCount: Int
  private let checkpoints = Mutex<[Int]?>(nil)

  var path: String { file.path }

  /// Maps a file that is to have `lineCount` lines; whether it has is seen at first use.
  init(path: String, lineCount: Int, access: FileAccess) throws(CodedDatasetError) {
    file = try MappedFile(path: path, access: access)
    self.lineCount = lineCount
  }

  /// Where a line starts, in bytes; the end of the file for `lineCount`.
  ///
  /// - Throws: ``CodedDatasetError/Code/countMismatch`` or ``CodedDatasetError/Code/truncated`` if
  ///   the file has other than `lineCount` lines, all of them ended.
  func start(ofLine line: Int) throws(CodedDatasetError) -> Int {
    precondition(line >= 0 && line <= lineCount, "no line \(line) among \(lineCount)")
    let checkpoints = try self.checkpoints.withLock { known throws(CodedDatasetError) in
      if let known { return known }
      let found = try findCheckpoints()
      known = found
      return found
    }
    if line == lineCount { return file.bytes.count }
    var offset = checkpoints[line / Self.lineCountPerCheckpoint]
    for _ in 0..<line % Self.lineCountPerCheckpoint { offset = endOfLine(at: offset) + 1 }
    return offset
  }

  /// The line, without its end, that starts at `offset`, and where the next one starts.
  func line(at offset: Int) -> (line: UnsafeRawBufferPointer, next: Int) {
    let end = endOfLine(at: offset)
    return (UnsafeRawBufferPointer(rebasing: file.bytes[offset..<end]), end + 1)
  }

  /// The offset of the line end at or after `offset`; every line is known to have one.
  private func endOfLine(at offset: Int) -> Int {
    guard let end = nextLineEnd(from: offset) else {
      preconditionFailure("'\(path)' changed while it was in use")
    }
    return end
  }

  private func nextLineEnd(from offset: Int) -> Int? {
    guard let base = file.bytes.baseAddress,
      let end = memchr(base + offset, 0x0A, file.bytes.count - offset)
    else { return nil }
    return UnsafeRawPointer(end) - base
  }

  private func findCheckpoints() throws(CodedDatasetError) -> [Int] {
    var checkpoints: [Int] = []
    checkpoints.reserveCapacity(lineCount / Self.lineCountPerCheckpoint + 1)
    var offset = 0
    var count = 0
    while offset < file.bytes.count {
      // Beyond the lines that are wanted only their number counts: no memory for them.
      if count % Self.lineCountPerCheckpoint == 0, count < lineCount { checkpoints.append(offset) }
      guard let end = nextLineEnd(from: offset) else {
        throw CodedDatasetError(
          .truncated, path: path, "line \(count + 1) has no end: the file is cut short",
          hint: "every line ends with a line feed, the last one too")
      }
      offset = end + 1
      count += 1
    }
    guard count == lineCount else {
      throw CodedDatasetError(
        .countMismatch, path: path,
        "expected \(lineCount) lines, one for each record, found \(count)")
    }
    file.release(0..<file.bytes.count)
    return checkpoints
  }
}
