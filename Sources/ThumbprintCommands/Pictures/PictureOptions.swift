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
    if let sheet, !sheet.hasSuffix(".png"), !sheet.hasSuffix(".html") {
      throw ValidationError("--sheet: '\(sheet)' ends with neither .png nor .html")
    }
  }

  /// What turns the codes of a collection into pictures; `nil` if none are to be shown.
  ///
  /// - Parameters:
  ///   - coder: That of the collection.
  ///   - isJSON: Whether results are printed for programs.
  /// - Throws: ``CommandError`` if pictures were asked for and the model did not make the codes.
  func drawer(coder: String?, isJSON: Bool) throws -> PictureDrawer? {
    let drawing = try drawing(isJSON: isJSON)
    guard drawing != nil || sheet != nil else { return nil }
    let isAsked = pictures == true || draw != nil || sheet != nil
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
      return PictureDrawer(codec: model.codec, drawing: drawing, sheet: sheet)
    } catch {
      if isAsked { throw error }
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
    guard pictures == true || Console.showsResultsOnTerminal else { return nil }
    let environment = ProcessInfo.processInfo.environment
    let drawing = PictureSheet.Drawing(environment: environment)
    if drawing != .kitty, TerminalQuery.drawsSixels { return .sixel(Console.cellSize) }
    return drawing ?? (pictures == true ? .blocks : nil)
  }
}

extension PictureSheet.Drawing {
  /// What the terminal says that it can do; `nil` if it speaks of no colours.
  package init?(environment: [String: String]) {
    let term = environment["TERM"] ?? ""
    let program = environment["TERM_PROGRAM"] ?? ""
    if environment["KITTY_WINDOW_ID"] != nil || term == "xterm-kitty" || program == "ghostty" {
      self = .kitty
    } else if ["truecolor", "24bit"].contains(environment["COLORTERM"] ?? "") {
      self = .blocks
    } else {
      return nil
    }
  }
}

/// Shows the pictures of an answer where they are wanted.
struct PictureDrawer {
  let codec: Codec
  /// `nil` if the terminal shows none.
  let drawing: PictureSheet.Drawing?
  /// The file to write; `nil` for none.
  let sheet: String?

  /// What is shown of a record.
  struct Item {
    var image: ImageCode
    var lines: [String]
  }

  /// Decodes the codes, draws them on the terminal and writes the file, as was asked.
  ///
  /// - Parameters:
  ///   - columnCount: Pictures in a row of a PNG file.
  ///   - terminalSectionCount: Sections that the terminal shows; the file has all.
  func show(
    title: String, _ sections: [(heading: String?, items: [Item])], columnCount: Int,
    terminalSectionCount: Int = .max, threadCount: Int
  ) throws {
    let pictures = codec.decode(
      sections.flatMap { $0.items.map(\.image) }, threadCount: threadCount)
    var next = 0
    let drawn = PictureSheet(
      title: title,
      sections: sections.map { section in
        PictureSheet.Section(
          heading: section.heading,
          cells: section.items.map { item in
            defer { next += 1 }
            return PictureSheet.Cell(pictures[next], item.lines)
          })
      })
    if let drawing {
      var shown = drawn
      shown.sections = Array(drawn.sections.prefix(terminalSectionCount))
      try Console.write(
        shown.terminalText(columnCount: Console.columnCount, drawing: drawing))
    }
    guard let sheet else { return }
    try CommandError.naming("--sheet") {
      if sheet.hasSuffix(".html") {
        let text = try drawn.html()
        do {
          try Data(text.utf8).write(to: URL(filePath: sheet), options: .atomic)
        } catch {
          throw CommandError(.inputOutput, "'\(sheet)': cannot write", cause: "\(error)")
        }
      } else {
        try drawn.picture(columnCount: columnCount).writePNG(to: sheet)
      }
    }
  }
}
