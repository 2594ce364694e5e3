import ThumbprintCodes
import ThumbprintCoding
import ThumbprintImages

/// Shows the pictures of an answer where they are wanted.
struct PictureDrawer {
  let codec: Codec
  /// `nil` if the terminal shows none.
  let drawing: PictureSheet.Drawing?
  /// The file to write; `nil` for none.
  let sheet: SheetFile?
  let log: LogOptions

  /// What is shown of a record.
  struct Item {
    var image: ImageCode
    var lines: [String]
  }

  typealias Section = (heading: String?, items: [Item])

  /// Decodes the codes, draws them on the terminal and writes the file, as was asked. Says so where the
  /// file has no room for all, or nothing to show.
  ///
  /// - Parameters:
  ///   - columnCount: Pictures in a row of a PNG file.
  ///   - terminalSectionCount: Sections that the terminal shows; the file has all.
  func show(
    title: String, _ sections: [Section], columnCount: Int, terminalSectionCount: Int = .max,
    threadCount: Int
  ) throws {
    let counts = sections.map(\.items.count)
    let layout = ContactSheet(columnCount: columnCount, magnification: 2)
    let sheetCount = sheet?.pictureCount(of: counts, in: layout) ?? 0
    let terminalCount = drawing == nil ? 0 : counts.prefix(terminalSectionCount).reduce(0, +)
    // Only what is shown is decoded: there may be many more matches than a file has room for.
    let pictures = codec.decode(
      Array(sections.lazy.flatMap(\.items).prefix(max(sheetCount, terminalCount)).map(\.image)),
      threadCount: threadCount)
    if let drawing {
      let shown = Self.drawn(title, sections.prefix(terminalSectionCount), pictures, terminalCount)
      try Console.write(
        shown.terminalText(columnCount: Console.resultColumnCount, drawing: drawing))
    }
    guard let sheet else { return }
    if sheetCount > 0 {
      try sheet.write(Self.drawn(title, sections[...], pictures, sheetCount), in: layout)
    }
    if let note = sheet.note(written: sheetCount, of: counts.reduce(0, +)) { log.note(note) }
  }

  /// The first `count` pictures under what is said of them.
  private static func drawn(
    _ title: String, _ sections: ArraySlice<Section>, _ pictures: Thumbnails, _ count: Int
  ) -> PictureSheet {
    var next = 0
    var drawn = PictureSheet(title: title, sections: [])
    for section in sections {
      let cells = section.items.prefix(count - next).map { item in
        defer { next += 1 }
        return PictureSheet.Cell(pictures[next], item.lines)
      }
      drawn.sections.append(PictureSheet.Section(heading: section.heading, cells: cells))
    }
    return drawn
  }
}
