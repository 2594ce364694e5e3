import Foundation

/// What the terminal answers when it is asked what it can do.
package enum TerminalQuery {
  /// What a terminal draws.
  package struct Answer: Hashable {
    package var drawsSixels = false
    /// Whether it speaks the graphics protocol of kitty.
    package var drawsKitty = false

    /// Reads `ESC [ ? 62 ; 4 ; 6 c`, where 4 stands for sixels; before it may be what comes of the
    /// question for the protocol of kitty.
    ///
    /// - Returns: `nil` as long as it is not complete.
    package init?(_ bytes: [UInt8]) {
      let text = String(decoding: bytes, as: UTF8.self)
      guard let match = text.firstMatch(of: /\x1B\[\?([0-9;]*)c/) else { return nil }
      drawsSixels = match.output.1.split(separator: ";").contains("4")
      drawsKitty = text[..<match.range.lowerBound].contains("\u{1B}_Gi=\(kittyID);OK")
    }

    fileprivate init() {}
  }

  /// What the terminal of this process draws; asked once.
  static let answer: Answer = ask() ?? Answer()

  /// Seconds after which a terminal that says nothing is left alone.
  private static let patience = 0.5
  /// Bytes of an answer, at most.
  private static let byteCountMax = 256
  /// "Primary device attributes": every terminal since the VT100 answers.
  private static let question = "\u{1B}[c"
  /// Has a picture of one pixel looked at and not drawn. Who does not know it says nothing, so the
  /// other question goes behind it.
  private static let kittyQuestion = "\u{1B}_Gi=\(kittyID),s=1,v=1,a=q,t=d,f=24;AAAA\u{1B}\\"
  private static let kittyID = 31

  /// Asks only where both ways lead to a terminal that this process has for itself, and nothing was
  /// typed that would be lost.
  private static func ask() -> Answer? {
    let environment = ProcessInfo.processInfo.environment
    let term = environment["TERM"] ?? ""
    guard !["", "dumb", "linux"].contains(term), isatty(STDIN_FILENO) == 1,
      isatty(STDOUT_FILENO) == 1, tcgetpgrp(STDIN_FILENO) == getpgrp(), inputByteCount == 0
    else { return nil }
    // Nothing ends or stops the process while the terminal does not show what is typed.
    var (blocked, before) = (sigset_t(), sigset_t())
    sigemptyset(&blocked)
    for signal in [SIGINT, SIGTERM, SIGQUIT, SIGTSTP, SIGHUP] { sigaddset(&blocked, signal) }
    guard pthread_sigmask(SIG_BLOCK, &blocked, &before) == 0 else { return nil }
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    var settings = termios()
    guard tcgetattr(STDIN_FILENO, &settings) == 0 else { return nil }
    var quiet = settings
    quiet.c_lflag &= ~tcflag_t(ICANON | ECHO)
    guard tcsetattr(STDIN_FILENO, TCSANOW, &quiet) == 0 else { return nil }
    // What came too late goes with it.
    defer { tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings) }
    let isPerhapsKitty = PictureSheet.Drawing.isPerhapsKitty(environment)
    let questions = isPerhapsKitty ? kittyQuestion + question : question
    guard (try? Console.write(questions)) != nil else { return nil }
    return readAnswer()
  }

  private static var inputByteCount: Int {
    var count: Int32 = 0
    return ioctl(STDIN_FILENO, UInt(FIONREAD), &count) == 0 ? Int(count) : 0
  }

  private static func readAnswer() -> Answer? {
    let end = Progress.now + patience
    var bytes: [UInt8] = []
    while bytes.count < byteCountMax {
      let left = Int32(((end - Progress.now) * 1000).rounded(.up))
      var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
      guard left > 0, poll(&input, 1, left) > 0, input.revents & Int16(POLLIN) != 0 else {
        return nil
      }
      var byte: UInt8 = 0
      guard read(STDIN_FILENO, &byte, 1) == 1 else { return nil }
      bytes.append(byte)
      if let answer = Answer(bytes) { return answer }
    }
    return nil
  }
}
