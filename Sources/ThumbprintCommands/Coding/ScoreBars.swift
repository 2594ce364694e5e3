import ThumbprintImages

/// Pairs of horizontal bars, one pair for each row of a table, in its order: the picture that goes
/// with a table of scores.
struct ScoreBars {
  struct Row {
    /// Drawn above, lighter.
    var first: Double
    /// Drawn below, darker.
    var second: Double
  }

  var rows: [Row]
  /// The value at the right edge; a line is drawn at every whole number below it.
  var limit: Double

  private static let width = 480
  private static let barHeight = 12
  private static let gap = 10

  var picture: Picture {
    let rowHeight = 2 * Self.barHeight + Self.gap
    let height = max(1, rows.count) * rowHeight + Self.gap
    var picture = Picture(
      width: Self.width + 1, height: height, red: 255, green: 255, blue: 255)
    for line in 1...max(1, Int(limit)) {
      let x = min(Self.width, Int(Double(line) / limit * Double(Self.width)))
      picture.fill(x..<x + 1, 0..<height, (210, 210, 210))
    }
    for (number, row) in rows.enumerated() {
      let top = Self.gap + number * rowHeight
      let middle = top + Self.barHeight
      picture.fill(0..<extent(row.first), top..<middle, (158, 202, 225))
      picture.fill(0..<extent(row.second), middle..<middle + Self.barHeight, (33, 113, 181))
    }
    return picture
  }

  private func extent(_ value: Double) -> Int {
    Int((max(0, min(1, value / limit)) * Double(Self.width)).rounded())
  }
}

extension Picture {
  /// Paints a rectangle.
  fileprivate mutating func fill(
    _ columns: Range<Int>, _ rows: Range<Int>, _ color: (UInt8, UInt8, UInt8)
  ) {
    for row in rows {
      for column in columns {
        let start = 3 * (row * width + column)
        (pixels[start], pixels[start + 1], pixels[start + 2]) = color
      }
    }
  }
}
