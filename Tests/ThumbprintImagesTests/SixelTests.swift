import Testing
import ThumbprintImages

@Suite struct SixelTests {
  /// What a terminal would show: the slow and plain way of reading the format.
  private func decode(_ text: String) throws -> (width: Int, height: Int, pixels: [[Int]?]) {
    try #require(text.hasPrefix("\u{1B}P0;1;0q\"1;1;") && text.hasSuffix("\u{1B}\\"))
    var rest = text.dropFirst("\u{1B}P0;1;0q\"1;1;".count).dropLast(2)
    func number() throws -> Int {
      let digits = rest.prefix(while: \.isNumber)
      rest = rest.dropFirst(digits.count)
      return try #require(Int(digits))
    }
    func take(_ character: Character) -> Bool {
      guard rest.first == character else { return false }
      rest = rest.dropFirst()
      return true
    }
    let width = try number()
    try #require(take(";"))
    let height = try number()
    var pixels = [[Int]?](repeating: nil, count: width * height)
    var colors: [Int: [Int]] = [:]
    var (color, column, top) = (0, 0, 0)
    while let first = rest.first {
      switch first {
      case "#":
        rest = rest.dropFirst()
        color = try number()
        guard take(";") else { continue }
        #expect(try number() == 2)
        colors[color] = try (0..<3).map { _ in
          try #require(take(";"))
          return try number()
        }
      case "$":
        rest = rest.dropFirst()
        column = 0
      case "-":
        rest = rest.dropFirst()
        (column, top) = (0, top + 6)
      default:
        let count = take("!") ? try number() : 1
        let mask = try #require(rest.first?.asciiValue) - 63
        rest = rest.dropFirst()
        #expect(mask < 64)
        let values: [Int] = try #require(colors[color])
        for x in column..<column + count {
          for y in 0..<6 where mask >> UInt8(y) & 1 == 1 {
            pixels[(top + y) * width + x] = values
          }
        }
        column += count
      }
    }
    #expect(colors.count <= 256)
    return (width, height, pixels)
  }

  @Test func whatIsDrawnIsRead() throws {
    let picture = testPicture(width: 15, height: 13, seed: 3)
    var canvas = Sixel.Canvas(width: 40, height: 20)
    canvas.draw(picture, column: 2, row: 1)
    // Half of it beyond the edge.
    canvas.draw(picture, column: 33, row: 12)
    let shown = try decode(Sixel.text(canvas))
    #expect(shown.width == 40 && shown.height == 20)
    for y in 0..<20 {
      for x in 0..<40 {
        var wanted: [Int]?
        for (left, top) in [(2, 1), (33, 12)]
        where (left..<left + 15).contains(x) && (top..<top + 13).contains(y) {
          let (red, green, blue) = picture[x - left, y - top]
          wanted = [red, green, blue].map { (Int($0) * 100 + 127) / 255 }
        }
        // 195 colours fit: each is its own, to the part of a hundred that the format has.
        #expect(shown.pixels[y * 40 + x] == wanted, "(\(x), \(y))")
      }
    }
  }

  @Test func manyColoursAreShownByThoseNearThem() throws {
    var picture = Picture(width: 64, height: 64, red: 0, green: 0, blue: 0)
    for i in 0..<64 * 64 {
      picture.pixels[3 * i] = UInt8(i % 64 * 4)
      picture.pixels[3 * i + 1] = UInt8(i / 64 * 4)
      picture.pixels[3 * i + 2] = 90
    }
    var canvas = Sixel.Canvas(width: 64, height: 64)
    canvas.draw(picture, column: 0, row: 0)
    let shown = try decode(Sixel.text(canvas))
    for i in 0..<64 * 64 {
      let color = try #require(shown.pixels[i])
      // 4,096 colours in 256 boxes of 4×4 of them.
      for c in 0..<3 { #expect(abs(color[c] * 255 / 100 - Int(picture.pixels[3 * i + c])) <= 16) }
    }
  }

  @Test func oneColourAndNothingAtAllAreDrawn() throws {
    var canvas = Sixel.Canvas(width: 7, height: 7)
    #expect(try decode(Sixel.text(canvas)).pixels.allSatisfy { $0 == nil })
    canvas.draw(Picture(width: 7, height: 7, red: 255, green: 0, blue: 0), column: 0, row: 0)
    #expect(try decode(Sixel.text(canvas)).pixels.allSatisfy { $0 == [100, 0, 0] })
  }
}
