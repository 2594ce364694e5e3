/// Rows under headings, in columns as wide as what they hold.
package struct TextTable {
  package enum Alignment {
    case left
    case right
  }

  private var headings: [String]
  private var alignments: [Alignment]
  private var rows: [[String]] = []

  package init(_ columns: [(heading: String, alignment: Alignment)]) {
    headings = columns.map(\.heading)
    alignments = columns.map(\.alignment)
  }

  package var isEmpty: Bool { rows.isEmpty }

  /// The most columns of the terminal that a cell takes.
  package static let cellColumnMax = 120

  /// - Parameter cells: One for each column, shown as they are but for control characters and for
  ///   the middle of what is too long.
  package mutating func append(_ cells: [String]) {
    precondition(
      cells.count == headings.count, "\(cells.count) cells for \(headings.count) columns")
    rows.append(cells.map { Text.cut(Text.printable($0), to: Self.cellColumnMax) })
  }

  /// The table, each line ended by a newline and without blanks before it.
  package var text: String {
    let widths = headings.indices.map { column in
      rows.reduce(Text.columnCount(headings[column])) {
        max($0, Text.columnCount($1[column]))
      }
    }
    return ([headings] + rows).map { line($0, widths: widths) }.joined()
  }

  private func line(_ cells: [String], widths: [Int]) -> String {
    let padded = cells.indices.map { column in
      Text.padded(cells[column], to: widths[column], right: alignments[column] == .right)
    }
    var line = padded.joined(separator: "  ")
    while line.last == " " { line.removeLast() }
    return line + "\n"
  }
}
