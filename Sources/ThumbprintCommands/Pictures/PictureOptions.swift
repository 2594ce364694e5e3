import ArgumentParser
import Foundation
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintImages

/// How the pictures of an answer are shown.
struct PictureOptions: ParsableArguments {
  @Flag(
    inversion: .prefixedNo,
    help: """
      Draw the pictures on the terminal (default: if it says that it can and the model that made \
      the codes is at hand).
      """)
  var pictures: Bool?

  @Option(
    help: ArgumentHelp(
      "How to draw them: kitty, sixel or blocks (default: the first that the terminal has).",
      valueName: "kind"))
  var draw: DrawKind?

  @Option(
    help: ArgumentHelp(
      "Write the pictures into this file: .png, or .html with distances and names.",
      valueName: "file"),
    completion: .file(extensions: ["png", "html"]))
  var sheet: String?

  @OptionGroup var model: ModelOptions

  /// Names of ``PictureSheet/Drawing``.
  enum DrawKind: String, ExpressibleByArgument, CaseIterable {
    case kitty, sixel, blocks
  }

  mutating func validate() throws {
    if draw != nil, pictures == false {
      throw ValidationError("--draw: cannot be given together with --no-pictures")
    }
    if let sheet { _ = try SheetFile(flag: sheet) }
  }

  /// The flag by which pictures were asked for; `nil` if none was given.
  var givenFlag: String? {
    if sheet != nil { return "--sheet" }
    if draw != nil { return "--draw" }
    return pictures == true ? "--pictures" : nil
  }

  /// What turns the codes of a collection into pictures; `nil` if none are to be shown.
  ///
  /// - Parameter coder: That of the collection.
  /// - Throws: ``CommandError`` if pictures were asked for and the model did not make the codes, or
  ///   their file could not be written.
  func drawer(coder: String?, _ output: OutputOptions) throws -> PictureDrawer? {
    let drawing = try drawing(isJSON: output.json)
    let sheet = try sheet.map(SheetFile.init(flag:))
    guard drawing != nil || sheet != nil else { return nil }
    try sheet?.requireFolder()
    do {
      let model = try model.load()
      let imagesOnly = try Model(codec: model.codec, features: nil).identity
      guard coder == model.identity.name || coder == imagesOnly.name else {
        guard let coder else {
          throw CommandError(
            .badData, "nobody said which coder made the codes, so no model can show them",
            hint: "--coder of 'collection create', or the dataset that is loaded, says it")
        }
        throw CommandError(
          .badData,
          "the codes were made by the coder \(coder), and the model is \(model.identity)",
          hint: "give the model that made them by --model")
      }
      return PictureDrawer(codec: model.codec, drawing: drawing, sheet: sheet, log: output.log)
    } catch {
      if givenFlag != nil { throw error }
      return nil
    }
  }

  /// Whether pictures may come to be shown.
  func isPossible(isJSON: Bool) throws -> Bool {
    try sheet != nil || drawing(isJSON: isJSON) != nil
  }

  private func drawing(isJSON: Bool) throws -> PictureSheet.Drawing? {
    if pictures == true || draw != nil, isJSON {
      throw CommandError.flag(
        draw != nil ? "--draw" : "--pictures", "cannot be given together with --json")
    }
    guard pictures != false, !isJSON else { return nil }
    switch draw {
    case .kitty: return .kitty
    case .sixel: return .sixel(Console.cellSize)
    case .blocks: return .blocks
    case nil: break
    }
    let environment = ProcessInfo.processInfo.environment
    let isShown = Console.showsResultsOnTerminal && PictureSheet.Drawing.isWanted(environment)
    guard pictures == true || isShown else { return nil }
    let drawing = PictureSheet.Drawing(environment: environment)
    if drawing == .kitty { return .kitty }
    let answer = TerminalQuery.answer
    if answer.drawsKitty { return .kitty }
    if answer.drawsSixels { return .sixel(Console.cellSize) }
    return drawing ?? (pictures == true ? .blocks : nil)
  }
}

extension PictureSheet.Drawing {
  /// What the terminal says of itself that it can do; `nil` if it speaks of no colours.
  package init?(environment: [String: String]) {
    let names = ["xterm-kitty", "xterm-ghostty"]
    if names.contains(environment["TERM"] ?? ""), !Self.isMultiplexed(environment) {
      self = .kitty
    } else if ["truecolor", "24bit"].contains(environment["COLORTERM"] ?? "") {
      self = .blocks
    } else {
      return nil
    }
  }

  /// Whether pictures are drawn where nobody asked for them. See https://no-color.org.
  package static func isWanted(_ environment: [String: String]) -> Bool {
    environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
  }

  /// Whether the terminal may speak the protocol of kitty although its name does not tell, and can be
  /// asked: some others print the question.
  package static func isPerhapsKitty(_ environment: [String: String]) -> Bool {
    let isNamed = ["ghostty", "WezTerm"].contains(environment["TERM_PROGRAM"] ?? "")
    return (isNamed || environment["KITTY_WINDOW_ID"] != nil) && !isMultiplexed(environment)
  }

  /// Whether tmux or screen stands between this process and the terminal. They pass on variables of
  /// the terminal that they were started in, but not its graphics.
  private static func isMultiplexed(_ environment: [String: String]) -> Bool {
    let term = environment["TERM"] ?? ""
    return ["TMUX", "STY"].contains { !environment[$0, default: ""].isEmpty }
      || ["tmux", "screen"].contains { term == $0 || term.hasPrefix($0 + "-") }
  }
}
