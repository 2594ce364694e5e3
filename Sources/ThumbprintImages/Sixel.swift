/// Pictures for terminals that speak sixel, the graphics of DEC's VT240 and VT340: six rows of pixels
/// at a time, one colour after another.
///
/// Source: DEC, "VT330/VT340 Programmer Reference Manual, volume 2", chapter 14.
public enum Sixel {
  /// A pixel that is not drawn shows what is behind it.
  public struct Canvas: Sendable {
    public let width: Int
    public let height: Int
    /// Row by row; `nil` is not drawn.
    private(set) var pixels: [Color?]

    public init(width: Int, height: Int) {
      precondition(width > 0 && height > 0, "a canvas of \(width)×\(height) has no pixels")
      self.width = width
      self.height = height
      pixels = [Color?](repeating: nil, count: width * height)
    }

    /// Draws a picture with its top left corner at a place; what does not fit is left out.
    public mutating func draw(_ picture: Picture, column: Int, row: Int) {
      for y in 0..<min(picture.height, height - row) {
        for x in 0..<min(picture.width, width - column) {
          let (red, green, blue) = picture[x, y]
          pixels[(row + y) * width + column + x] = Color(red: red, green: green, blue: blue)
        }
      }
    }
  }

  struct Color: Hashable, Sendable {
    var red: UInt8
    var green: UInt8
    var blue: UInt8

    subscript(axis: Int) -> UInt8 { axis == 0 ? red : axis == 1 ? green : blue }
  }

  /// The most colours that terminals keep for one picture.
  static let colorCountMax = 256

  /// The canvas as one escape sequence, with at most 256 colours, chosen by median cut.
  public static func text(_ canvas: Canvas) -> String {
    let palette = Palette(canvas.pixels)
    var text = "\u{1B}P0;1;0q\"1;1;\(canvas.width);\(canvas.height)"
    for (number, color) in palette.colors.enumerated() {
      // Parts of a hundred.
      let parts = (0..<3).map { (Int(color[$0]) * 100 + 127) / 255 }
      text += "#\(number);2;\(parts[0]);\(parts[1]);\(parts[2])"
    }
    for top in stride(from: 0, to: canvas.height, by: 6) {
      if top > 0 { text += "-" }
      text += band(canvas, top, palette)
    }
    return text + "\u{1B}\\"
  }

  /// Six rows: for each colour that is in them, which of the six pixels of each column have it.
  private static func band(_ canvas: Canvas, _ top: Int, _ palette: Palette) -> String {
    var masks: [Int: [UInt8]] = [:]
    for row in top..<min(top + 6, canvas.height) {
      for column in 0..<canvas.width {
        guard let color = canvas.pixels[row * canvas.width + column] else { continue }
        masks[palette.number(of: color), default: [UInt8](repeating: 0, count: canvas.width)][
          column] |= 1 << UInt8(row - top)
      }
    }
    return masks.sorted { $0.key < $1.key }.map { "#\($0.key)" + runs($0.value) }
      .joined(separator: "$")
  }

  /// One character for each column, repeated ones by their number.
  private static func runs(_ masks: [UInt8]) -> String {
    var text = ""
    var start = 0
    let end = masks.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0
    while start < end {
      let count = masks[start..<end].prefix { $0 == masks[start] }.count
      let character = String(UnicodeScalar(63 + masks[start]))
      text += count > 3 ? "!\(count)\(character)" : String(repeating: character, count: count)
      start += count
    }
    return text
  }

  /// Colours that stand for all of a canvas.
  private struct Palette {
    private(set) var colors: [Color] = []
    private var numbers: [Color: Int] = [:]

    init(_ pixels: [Color?]) {
      var counts: [Color: Int] = [:]
      for case let color? in pixels { counts[color, default: 0] += 1 }
      let all = counts.sorted {
        ($0.key.red, $0.key.green, $0.key.blue) < ($1.key.red, $1.key.green, $1.key.blue)
      }
      var boxes = [Box(all.map { (color: $0.key, count: $0.value) })]
      while boxes.count < Sixel.colorCountMax,
        let widest = boxes.indices.max(by: { boxes[$0].weight < boxes[$1].weight }),
        let (low, high) = boxes[widest].halves
      {
        boxes[widest] = low
        boxes.append(high)
      }
      for box in boxes where !box.colors.isEmpty {
        for (color, _) in box.colors { numbers[color] = colors.count }
        colors.append(box.mean)
      }
    }

    func number(of color: Color) -> Int { numbers[color] ?? 0 }
  }

  /// Some colours, and how many pixels have each.
  private struct Box {
    let colors: [(color: Color, count: Int)]
    private let axis: Int
    private let extent: Int

    init(_ colors: [(color: Color, count: Int)]) {
      self.colors = colors
      var (axis, extent) = (0, 0)
      for candidate in 0..<3 {
        let values = colors.map { Int($0.color[candidate]) }
        let width = (values.max() ?? 0) - (values.min() ?? 0)
        if width > extent { (axis, extent) = (candidate, width) }
      }
      (self.axis, self.extent) = (axis, extent)
    }

    private var pixelCount: Int { colors.reduce(0) { $0 + $1.count } }

    /// How much there is to gain by cutting it: nothing for a single colour.
    var weight: Int { extent * pixelCount }

    /// Cut along its longest side where half of its pixels are; `nil` for a single colour.
    var halves: (Box, Box)? {
      guard extent > 0 else { return nil }
      let sorted = colors.sorted { $0.color[axis] < $1.color[axis] }
      var (taken, cut) = (0, 0)
      while cut < sorted.count - 1, taken + sorted[cut].count <= pixelCount / 2 {
        taken += sorted[cut].count
        cut += 1
      }
      cut = max(1, cut)
      return (Box(Array(sorted[..<cut])), Box(Array(sorted[cut...])))
    }

    var mean: Color {
      func mean(_ axis: Int) -> UInt8 {
        let sum = colors.reduce(0) { $0 + Int($1.color[axis]) * $1.count }
        return UInt8((sum + pixelCount / 2) / max(1, pixelCount))
      }
      return Color(red: mean(0), green: mean(1), blue: mean(2))
    }
  }
}
