import Foundation
import Testing
import ThumbprintCodes
import ThumbprintImages
import ThumbprintTestKit

/// Pictures of answers on terminals and in files, by the program.
@Suite struct ShownPicturesTests {
  /// A sandbox with so many pictures in collection `c`.
  private static func sandbox(_ count: Int) throws -> Sandbox {
    let sandbox = try EncodeTests.sandbox()
    try EncodeTests.writePictures(count, to: sandbox)
    try sandbox.succeed("ingest", "pictures", "-c", "c", "--model", "m", "-q")
    return sandbox
  }

  // MARK: Terminals

  /// `script` has a terminal that says nothing of itself: it is asked, and not waited for long.
  @Test func terminalsThatDoNotAnswerAreLeftAlone() throws {
    let sandbox = try Self.sandbox(3)
    let query = "query -c c --image pictures/p101.png -k 2 --model m"
    let (question, sixel, block) = ("\u{1B}[c", "\u{1B}P0;1;0q", "\u{2580}")
    let silent = try sandbox.onTerminal(query, ["TERM": "xterm"])
    #expect(silent.contains(question) && silent.contains("p101.png"))
    #expect(!silent.contains(sixel) && !silent.contains(block))
    let colored = try sandbox.onTerminal(query, ["TERM": "xterm", "COLORTERM": "truecolor"])
    #expect(colored.contains(question) && colored.contains(block))
    for unasked in [["TERM": "dumb"], ["TERM": "xterm-kitty"], [:]] {
      #expect(!(try sandbox.onTerminal(query, unasked)).contains(question), "\(unasked)")
    }
    #expect(
      !(try sandbox.onTerminal(query + " --no-pictures", ["TERM": "xterm"])).contains(question))
    #expect(!(try sandbox.onTerminal(query + " --json", ["TERM": "xterm"])).contains(question))
    #expect(try sandbox.onTerminal(query + " --draw sixel", ["TERM": "dumb"]).contains(sixel))
    #expect(
      try sandbox.succeed(
        "query", "-c", "c", "--image", "pictures/p101.png", "--model", "m", "--draw", "sixel"
      ).output.contains(sixel))
    try sandbox.fail(64, "--draw", "query", "-c", "c", "--id", "1", "--draw", "svg")
    try sandbox.fail(
      64, "--draw", "query", "-c", "c", "--id", "1", "--draw", "sixel", "--no-pictures")
    try sandbox.fail(
      64, "--draw", "query", "-c", "c", "--image", "pictures/p101.png", "--model", "m", "--draw",
      "sixel", "--json")
  }

  @Test func picturesAreDrawnWhereTheyArriveAndAreWanted() throws {
    let sandbox = try Self.sandbox(3)
    let query = "query -c c --image pictures/p101.png -k 2 --model m"
    let (kitty, isKitty, block) = ("\u{1B}_Gf=100", "\u{1B}_Gi=31,", "\u{2580}")
    #expect(try sandbox.onTerminal(query, ["TERM": "xterm-kitty"]).contains(kitty))
    // Inside tmux and screen variables of the terminal around them say nothing.
    for multiplexed in [
      ["TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"], ["TERM": "xterm-kitty", "TMUX": "/s,1,0"],
      ["TERM": "screen", "STY": "1.s", "TERM_PROGRAM": "ghostty"],
    ] {
      let drawn = try sandbox.onTerminal(
        query, multiplexed.merging(["COLORTERM": "truecolor"]) { $1 })
      #expect(drawn.contains(block), "\(multiplexed)")
      #expect(!drawn.contains(kitty) && !drawn.contains(isKitty), "\(multiplexed)")
    }
    // Under a name of its own the terminal is asked.
    let named = ["TERM": "xterm-256color", "KITTY_WINDOW_ID": "1", "COLORTERM": "truecolor"]
    let asked = try sandbox.onTerminal(query, named)
    #expect(asked.contains(isKitty) && !asked.contains(kitty) && asked.contains(block))
    for unwanted in [["TERM": "xterm-kitty", "NO_COLOR": "1"], ["TERM": "dumb"]] {
      let environment = unwanted.merging(["COLORTERM": "truecolor"]) { $1 }
      let plain = try sandbox.onTerminal(query, environment)
      #expect(plain.contains("p101.png"), "\(unwanted)")
      #expect(!plain.contains(kitty) && !plain.contains(block), "\(unwanted)")
      #expect(try sandbox.onTerminal(query + " --draw blocks", environment).contains(block))
      let wanted = try sandbox.onTerminal(query + " --pictures", environment)
      #expect(wanted.contains(kitty) || wanted.contains(block))
    }
    let empty = ["TERM": "xterm", "NO_COLOR": "", "COLORTERM": "truecolor"]
    #expect(try sandbox.onTerminal(query, empty).contains(block))
  }

  @Test func picturesAreAsWideAsTheTerminalThatShowsThem() throws {
    let sandbox = try Self.sandbox(1)
    let drawn = try sandbox.onTerminal(
      "query -c c --image pictures/sub/p100.png -k 1 --model m --draw blocks 2> errors",
      ["TERM": "dumb", "PATH": "/usr/bin:/bin"], columnCount: 200)
    let line = drawn.split(whereSeparator: \.isNewline).first { $0.contains("\u{2580}") }
    // Two pictures, pixel by pixel.
    let count = line?.count(where: { $0 == "\u{2580}" })
    #expect(count == 2 * 32)
  }

  // MARK: Files

  @Test func aSheetHasWhatFitsAndSaysWhatItLacks() throws {
    let sandbox = try Self.sandbox(62)
    try sandbox.succeed("export", "x", "-c", "c", "-q")
    let query = ["query", "-c", "c", "--codes", "x", "-k", "60", "--model", "m", "--sheet"]
    let outcome = try sandbox.start(query + ["s.png"]).outcome()
    // 62 times six rows of ten; a picture has 248 rows of them.
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(
      outcome.errors == """
        's.png' has the first 2,480 of 3,720 pictures: a PNG file has no room for the other 1,240, \
        one that ends with .html has

        """)
    let sheet = try PictureReader.read(path: sandbox.path("s.png"))
    #expect(sheet.width == 10 * 66 + 2 && sheet.height == 248 * 66 + 2)
    let page = try sandbox.start(query + ["s.html"]).outcome()
    #expect(page.status == 0 && page.errors.isEmpty)
    let text = try String(contentsOfFile: sandbox.path("s.html"), encoding: .utf8)
    #expect(text.components(separatedBy: "<li>").count == 1 + 3_720)
  }

  @Test func nothingToShowIsNoErrorAndNoFile() throws {
    let sandbox = try Self.sandbox(4)
    var generator = CodeGenerator(seed: 5)
    try sandbox.makeArray("far.npy", codes: [generator.feature()])
    for name in ["s.png", "s.html"] {
      for command in [
        ["query", "--codes", "far.npy", "--within", "2"], ["duplicates", "--within", "2"],
      ] {
        let arguments = command + ["-c", "c", "--model", "m", "--sheet", name]
        let outcome = try sandbox.start(arguments).outcome()
        #expect(outcome.status == 0, "\(arguments)")
        #expect(
          outcome.errors.hasSuffix("'\(name)' was not written: there are no pictures to show\n"),
          "\(arguments): \(outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: sandbox.path(name)), "\(arguments)")
      }
    }
  }

  @Test func aSheetThatCannotBeWrittenIsRefusedBeforeTheWork() throws {
    let sandbox = try Self.sandbox(4)
    try sandbox.succeed("export", "x", "-c", "c", "-q")
    try FileManager.default.createDirectory(
      atPath: sandbox.path("s.html"), withIntermediateDirectories: true)
    let id = try CodedDataset(path: sandbox.path("x")).id(at: 0).description
    for command in [
      ["query", "-c", "c", "--id", id], ["similar", "-c", "c", "--id", id],
      ["duplicates", "-c", "c"], ["decode", "x"],
    ] {
      for (sheet, problem) in [
        ("nodir/s.png", "there is no folder 'nodir'"),
        ("x/ids.npy/s.html", "no folder 'x/ids.npy'"),
        ("s.html", "is a folder"),
      ] {
        let outcome = try sandbox.start(command + ["--model", "m", "--sheet", sheet]).outcome()
        // Without output: nothing was looked for.
        #expect(
          outcome.status == 74 && outcome.output.isEmpty
            && outcome.errors.hasPrefix("thumbprint: error: --sheet: '\(sheet)' ")
            && outcome.errors.contains(problem), "\(command) \(sheet): \(outcome)")
      }
    }
    try sandbox.fail(64, "--sheet: 's.gif' ends with neither", "decode", "x", "--sheet", "s.gif")
  }

  @Test func decodeWritesPagesAndDrawsOnlyPicturesThatThereAre() throws {
    let sandbox = try Self.sandbox(6)
    try sandbox.succeed("export", "x", "-c", "c", "-q")
    try sandbox.succeed("decode", "x", "--sheet", "s.html", "--model", "m")
    let page = try String(contentsOfFile: sandbox.path("s.html"), encoding: .utf8)
    #expect(page.hasPrefix("<!doctype html>") && page.contains("sub/p103.png"))
    #expect(page.components(separatedBy: "<li>").count == 7)
    let data = try CodedDataset(path: sandbox.path("x"))
    try sandbox.makeArray("q.npy", codes: (0..<4).map { data.feature(at: $0) })
    for shown in [["--terminal"], ["--out", "shown"], ["--sheet", "q.png"]] {
      let outcome = try sandbox.start(["decode", "q.npy", "--model", "m"] + shown).outcome()
      #expect(outcome.status == 65 && outcome.output.isEmpty, "\(shown)")
      #expect(
        outcome.errors.hasPrefix("thumbprint: error: 'q.npy' has no image codes"), "\(outcome)")
    }
  }

  @Test func arraysAreNotDrawn() throws {
    let sandbox = try Sandbox()
    for flags in [["--draw", "blocks"], ["--pictures"], ["--sheet", "s.png"]] {
      let outcome = try sandbox.start(
        ["query", "-c", "c", "--codes", "q.npy", "--out", "o"] + flags
      ).outcome()
      #expect(outcome.status == 64, "\(flags)")
      #expect(outcome.errors.contains("\(flags[0]): cannot be given together with --out"))
    }
  }
}

extension Sandbox {
  /// What the program, which has to end well, shows on a terminal.
  ///
  /// - Parameter columnCount: Of the terminal; `nil` for one that does not say.
  fileprivate func onTerminal(
    _ arguments: String, _ environment: [String: String], columnCount: Int? = nil
  ) throws -> String {
    let width = columnCount.map { "stty cols \($0); " } ?? ""
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/script")
    process.arguments = [
      "--quiet", "--return", "--command", "\(width)'\(Sandbox.program.path)' \(arguments)",
      "typescript",
    ]
    process.currentDirectoryURL = folder
    process.environment = environment
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return try String(contentsOfFile: path("typescript"), encoding: .utf8)
  }
}
