import Foundation
import Synchronization

/// The three streams of the process, with errors that are not lost.
enum Console {
  /// Writes results to standard output. When its reader has gone, as `head` does, the process ends as
  /// programs do: by SIGPIPE, without a word.
  ///
  /// - Throws: ``CommandError`` when the stream takes no more, for instance on a full disk.
  static func write(_ text: String) throws {
    try write(text, to: STDOUT_FILENO)
  }

  /// Writes a result as one JSON document and a newline to standard output. Keys are sorted.
  static func write(json value: some Encodable) throws {
    try write(try text(json: value))
  }

  /// A result as ``write(json:)`` shows it.
  static func text(json value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
  }

  /// Tells the user something on standard error, as well as that goes.
  static func note(_ text: String, newline: Bool = true) {
    try? write(newline ? text + "\n" : text, to: STDERR_FILENO)
  }

  /// Whether standard error is a terminal, which can redraw a line.
  static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  /// Whether results are read on a terminal.
  static var showsResultsOnTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  /// Columns of the terminal that shows results. Where they go through a pager, that is the one
  /// behind standard error; 80 when neither says.
  static var resultColumnCount: Int {
    columnCount(of: STDOUT_FILENO) ?? columnCount(of: STDERR_FILENO) ?? 80
  }

  /// Columns of the terminal that shows progress; 80 when it does not say.
  static var progressColumnCount: Int { columnCount(of: STDERR_FILENO) ?? 80 }

  private static func columnCount(of descriptor: Int32) -> Int? {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }

  /// Pixels of a character of the terminal that shows results, or what is usual if it does not say.
  static var cellSize: PictureSheet.CellSize {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0,
      size.ws_xpixel >= size.ws_col, size.ws_ypixel >= size.ws_row
    else { return .standard }
    return PictureSheet.CellSize(
      width: Int(size.ws_xpixel / size.ws_col), height: Int(size.ws_ypixel / size.ws_row))
  }

  /// Does what the write would have done, had not the network library, or whoever started the process,
  /// had the signal ignored.
  private static func endByBrokenPipe() {
    signal(SIGPIPE, SIG_DFL)
    var pipe = sigset_t()
    sigemptyset(&pipe)
    sigaddset(&pipe, SIGPIPE)
    pthread_sigmask(SIG_UNBLOCK, &pipe, nil)
    raise(SIGPIPE)
  }

  private static func write(_ text: String, to descriptor: Int32) throws {
    var text = text
    try text.withUTF8 { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let part = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[rest.indices])
        let count = Foundation.write(descriptor, part.baseAddress, part.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else {
          if errno == EPIPE, descriptor == STDOUT_FILENO { endByBrokenPipe() }
          let stream = descriptor == STDOUT_FILENO ? "standard output" : "standard error"
          throw CommandError(
            .inputOutput, "\(stream): cannot write: \(String(cString: strerror(errno)))")
        }
        rest = rest.dropFirst(count)
      }
    }
  }
}
