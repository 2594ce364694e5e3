import Foundation
import ThumbprintImages

/// Pictures in sections, each with a few words below it: what a query found, or groups of near
/// duplicates. Pure: the same on every machine.
package struct PictureSheet {
  package struct Cell {
    var picture: Picture
    /// Short lines; the first tells the most.
    var lines: [String]

    package init(_ picture: Picture, _ lines: [String]) {
      self.picture = picture
      self.lines = lines
    }
  }

  package struct Section {
    var heading: String?
    var cells: [Cell]

    package init(heading: String?, cells: [Cell]) {
      self.heading = heading
      self.cells = cells
    }
  }

  var title: String
  var sections: [Section]

  package init(title: String, sections: [Section]) {
    self.title = title
    self.sections = sections
  }

  /// All pictures as one, each section on rows of its own; words have no place in it.
  ///
  /// - Throws: ``ImagesError/Code/tooLarge`` if it were above ``Picture/sideMax``.
  package func picture(in sheet: ContactSheet) throws(ImagesError) -> Picture {
    let side = sections.lazy.flatMap(\.cells).map(\.picture.width).max() ?? 1
    let blank = Picture(width: side, height: side, red: 255, green: 255, blue: 255)
    var pictures: [Picture] = []
    for section in sections {
      pictures += section.cells.map(\.picture)
      let rest = pictures.count % sheet.columnCount
      if rest > 0 {
        pictures += [Picture](repeating: blank, count: sheet.columnCount - rest)
      }
    }
    return try sheet.layOut(pictures)
  }
}

// MARK: On a terminal

extension PictureSheet {
  /// How a terminal shows pixels.
  package enum Drawing: Sendable, Hashable {
    /// Half blocks in true colours.
    case blocks
    /// The graphics protocol of kitty, which some other terminals speak too.
    case kitty
    /// Sixels, on a terminal whose characters have so many pixels.
    case sixel(CellSize)
  }

  /// Pixels of a character of a terminal.
  package struct CellSize: Sendable, Hashable {
    var width: Int
    var height: Int

    /// - Parameters: Sizes that no terminal has are held to 4...64.
    package init(width: Int, height: Int) {
      self.width = min(64, max(4, width))
      self.height = min(64, max(4, height))
    }

    /// That of the VT340, which terminals that draw characters of another size pretend to.
    package static let standard = CellSize(width: 10, height: 20)
  }

  /// Pictures side by side, words below them, as wide as a terminal.
  package func terminalText(columnCount: Int, drawing: Drawing) -> String {
    // Four beside each other on a narrow terminal; pixel by pixel on a wide one.
    let side = min(32, max(16, columnCount / 4 - 2)) & ~1
    let perRow = max(1, columnCount / (side + Self.gap))
    var text = ""
    for section in sections {
      if let heading = section.heading { text += Text.oneLine(heading) + "\n" }
      for start in stride(from: 0, to: section.cells.count, by: perRow) {
        let row = Array(section.cells[start..<min(section.cells.count, start + perRow)])
        text += draw(row, side: side, drawing) + words(row, side: side)
      }
    }
    return text
  }

  private static let gap = 2

  private func draw(_ row: [Cell], side: Int, _ drawing: Drawing) -> String {
    switch drawing {
    case .blocks:
      let drawn = row.map { cell in
        TerminalBlocks.text(cell.picture.resized(width: side, height: side, filter: .bicubic))
          .split(separator: "\n")
      }
      let gap = String(repeating: " ", count: Self.gap)
      return (0..<side / 2).map { line in
        drawn.map { $0[line] }.joined(separator: gap) + "\n"
      }.joined()
    case .kitty:
      let rows = side / 2
      let drawn = row.map { cell in
        KittyGraphics.text(cell.picture, columns: side, rows: rows)
          + "\u{1B}[\(side + Self.gap)C"
      }.joined()
      return Self.withRoom(rows, drawn)
    case .sixel(let cell):
      let rows = side / 2
      var canvas = Sixel.Canvas(
        width: row.count * (side + Self.gap) * cell.width, height: rows * cell.height)
      for (place, picture) in row.map(\.picture).enumerated() {
        // Its pixels as squares: a smooth picture would have more colours than there are.
        canvas.draw(
          picture.resized(
            width: side * cell.width, height: rows * cell.height, filter: .area),
          column: place * (side + Self.gap) * cell.width, row: 0)
      }
      // Terminals differ in where they leave the cursor.
      return Self.withRoom(rows, "\u{1B}7" + Sixel.text(canvas) + "\u{1B}8")
    }
  }

  /// Draws where there is room: at the bottom of the screen a picture would be cut.
  private static func withRoom(_ rows: Int, _ drawn: String) -> String {
    String(repeating: "\n", count: rows) + "\u{1B}[\(rows)A" + drawn + "\r\u{1B}[\(rows)B"
  }

  private func words(_ row: [Cell], side: Int) -> String {
    let count = row.map(\.lines.count).max() ?? 0
    return (0..<count).map { line in
      var text = ""
      for cell in row {
        let words = line < cell.lines.count ? Text.printable(cell.lines[line]) : ""
        text += Text.padded(Text.cut(words, to: side), to: side + Self.gap)
      }
      while text.last == " " { text.removeLast() }
      return text + "\n"
    }.joined() + "\n"
  }
}

/// Pictures for terminals that speak the graphics protocol of kitty.
package enum KittyGraphics {
  /// Draws a picture over cells of the terminal, without moving the cursor; nothing if it cannot be
  /// written as PNG.
  package static func text(_ picture: Picture, columns: Int, rows: Int) -> String {
    guard let png = try? picture.png() else { return "" }
    let data = Data(png).base64EncodedString()
    var text = ""
    var rest = Substring(data)
    // One escape may carry 4,096 characters; only the first says what the picture is.
    var keys = "f=100,a=T,q=2,C=1,c=\(columns),r=\(rows),"
    repeat {
      let part = rest.prefix(4_096)
      rest = rest.dropFirst(part.count)
      text += "\u{1B}_G\(keys)m=\(rest.isEmpty ? 0 : 1);\(part)\u{1B}\\"
      keys = ""
    } while !rest.isEmpty
    return text
  }
}

// MARK: As a page

extension PictureSheet {
  /// One HTML document with everything in it, for any browser, without a network.
  package func html() throws(ImagesError) -> String {
    var body = ""
    for section in sections {
      body += "<section>\n"
      if let heading = section.heading { body += "<h2>\(Self.escaped(heading))</h2>\n" }
      body += "<ol>\n"
      for cell in section.cells {
        let data = Data(try cell.picture.png()).base64EncodedString()
        let words = cell.lines.map(Self.escaped)
        body += "<li><img alt=\"\(words.joined(separator: ", "))\" "
        body += "src=\"data:image/png;base64,\(data)\">"
        body += "<span>\(words.joined(separator: "<br>"))</span></li>\n"
      }
      body += "</ol>\n</section>\n"
    }
    return """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(Self.escaped(title))</title>
      <style>
      \(Self.style)
      </style>
      </head>
      <body>
      <h1>\(Self.escaped(title))</h1>
      \(body)</body>
      </html>

      """
  }

  private static let style = """
    :root { color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif }
    body { margin: 1.5rem auto; max-width: 75rem; padding: 0 1rem }
    h1 { font-size: 1.3rem } h2 { font-size: 1rem; margin: 1.5rem 0 .5rem }
    section { border-top: 1px solid #8884 }
    ol { display: flex; flex-wrap: wrap; gap: .75rem; list-style: none; margin: 0; padding: 0 }
    li { width: 8rem; overflow-wrap: anywhere; font-size: .8rem }
    img { width: 8rem; height: 8rem; image-rendering: pixelated; display: block }
    """

  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in Text.printable(text).unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
