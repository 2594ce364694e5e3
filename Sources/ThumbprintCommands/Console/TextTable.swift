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

  /// The most characters of a cell.
  package static let cellCountMax = 120

  /// - Parameter cells: One for each column, shown as they are but for control characters and for
  ///   the middle of what is too long.
  package mutating func append(_ cells: [String]) {
    precondition(
      cells.count == headings.count, "\(cells.count) cells for \(headings.count) columns")
    rows.append(cells.map { Text.printable(Text.cut($0, to: Self.cellCountMax)) })
  }

  /// The table, each line ended by a newline and without blanks before it.
  package var text: String {
    let widths = headings.indices.map { column in
      rows.reduce(headings[column].count) { max($0, $1[column].count) }
    }
    return ([headings] + rows).map { line($0, widths: widths) }.joined()
  }

  private func line(_ cells: [String], widths: [Int]) -> String {
    let padded = cells.indices.map { column in
      let blanks = String(repeating: " ", count: widths[column] - cells[column].count)
      return alignments[column] == .left ? cells[column] + blanks : blanks + cells[column]
    }
    var line = padded.joined(separator: "  ")
    while line.last == " " { line.removeLast() }
    return line + "\n"
  }
}
