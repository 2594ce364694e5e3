import Foundation

/// What the terminal answers when it is asked what it can do.
package enum TerminalQuery {
  /// Whether the terminal of this process draws sixels; asked once.
  static let drawsSixels: Bool = ask()

  /// Seconds after which a terminal that says nothing is left alone.
  private static let patience = 0.5
  /// Bytes of an answer, at most.
  private static let byteCountMax = 256
  /// "Primary device attributes": every terminal since the VT100 answers.
  private static let question = "\u{1B}[c"

  /// Reads an answer: `ESC [ ? 62 ; 4 ; 6 c`, where 4 stands for sixels.
  ///
  /// - Returns: `nil` as long as it is not complete.
  package static func hasSixels(_ answer: [UInt8]) -> Bool? {
    let text = String(decoding: answer, as: UTF8.self)
    guard let match = text.firstMatch(of: /\x1B\[\?([0-9;]*)c/) else { return nil }
    return match.output.1.split(separator: ";").contains("4")
  }

  /// Asks only where both ways lead to a terminal that this process has for itself, and nothing was
  /// typed that would be lost.
  private static func ask() -> Bool {
    let term = ProcessInfo.processInfo.environment["TERM"] ?? ""
    guard !["", "dumb", "linux"].contains(term), isatty(STDIN_FILENO) == 1,
      isatty(STDOUT_FILENO) == 1, tcgetpgrp(STDIN_FILENO) == getpgrp(), inputByteCount == 0
    else { return false }
    // Nothing ends or stops the process while the terminal does not show what is typed.
    var (blocked, before) = (sigset_t(), sigset_t())
    sigemptyset(&blocked)
    for signal in [SIGINT, SIGTERM, SIGQUIT, SIGTSTP, SIGHUP] { sigaddset(&blocked, signal) }
    guard pthread_sigmask(SIG_BLOCK, &blocked, &before) == 0 else { return false }
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    var settings = termios()
    guard tcgetattr(STDIN_FILENO, &settings) == 0 else { return false }
    var quiet = settings
    quiet.c_lflag &= ~tcflag_t(ICANON | ECHO)
    guard tcsetattr(STDIN_FILENO, TCSANOW, &quiet) == 0 else { return false }
    // What came too late goes with it.
    defer { tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings) }
    guard (try? Console.write(question)) != nil else { return false }
    return readAnswer()
  }

  private static var inputByteCount: Int {
    var count: Int32 = 0
    return ioctl(STDIN_FILENO, UInt(FIONREAD), &count) == 0 ? Int(count) : 0
  }

  private static func readAnswer() -> Bool {
    let end = Progress.now + patience
    var answer: [UInt8] = []
    while answer.count < byteCountMax {
      let left = Int32(((end - Progress.now) * 1000).rounded(.up))
      var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
      guard left > 0, poll(&input, 1, left) > 0, input.revents & Int16(POLLIN) != 0 else {
        return false
      }
      var byte: UInt8 = 0
      guard read(STDIN_FILENO, &byte, 1) == 1 else { return false }
      answer.append(byte)
      if let has = hasSixels(answer) { return has }
    }
    return false
  }
}
