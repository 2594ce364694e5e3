/// A colour: red, green, blue.
public struct Color: Sendable, Hashable {
  public let red, green, blue: UInt8

  public init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
    (self.red, self.green, self.blue) = (red, green, blue)
  }

  public static let black = Color(0, 0, 0)
  public static let white = Color(255, 255, 255)
  static let grid = Color(225, 225, 225)

  /// Colours that people with every kind of colour vision tell apart (Okabe and Ito, 2008).
  public static let series = [
    Color(0, 114, 178), Color(230, 159, 0), Color(0, 158, 115), Color(204, 121, 167),
    Color(213, 94, 0), Color(86, 180, 233),
  ]
}

/// A picture that is drawn on. What lies outside is cut off.
public struct Canvas: Sendable {
  public private(set) var picture: Picture

  public init(width: Int, height: Int) {
    picture = Picture(width: width, height: height, red: 255, green: 255, blue: 255)
  }

  /// Draws on a picture.
  public init(_ picture: Picture) {
    self.picture = picture
  }

  public mutating func set(_ column: Int, _ row: Int, _ color: Color) {
    guard column >= 0, column < picture.width, row >= 0, row < picture.height else { return }
    let start = 3 * (row * picture.width + column)
    picture.pixels[start] = color.red
    picture.pixels[start + 1] = color.green
    picture.pixels[start + 2] = color.blue
  }

  public mutating func fill(columns: Range<Int>, rows: Range<Int>, _ color: Color) {
    for row in rows.clamped(to: 0..<picture.height) {
      for column in columns.clamped(to: 0..<picture.width) { set(column, row, color) }
    }
  }

  /// A straight line (Bresenham, 1965), two pixels wide if `isBold`.
  public mutating func line(
    from a: (Int, Int), to b: (Int, Int), _ color: Color, isBold: Bool = false
  ) {
    let (dx, dy) = (abs(b.0 - a.0), -abs(b.1 - a.1))
    let (sx, sy) = (a.0 < b.0 ? 1 : -1, a.1 < b.1 ? 1 : -1)
    var (x, y, error) = (a.0, a.1, dx + dy)
    while true {
      set(x, y, color)
      if isBold {
        set(x + 1, y, color)
        set(x, y + 1, color)
      }
      if x == b.0, y == b.1 { return }
      let twice = 2 * error
      if twice >= dy {
        error += dy
        x += sx
      }
      if twice <= dx {
        error += dx
        y += sy
      }
    }
  }

  /// A text whose top left corner is at the given place.
  public mutating func text(
    _ text: String, left: Int, top: Int, _ color: Color = .black, scale: Int = 1
  ) {
    BitmapFont.forEachPixel(text, scale: scale) { set(left + $0, top + $1, color) }
  }

  /// Pixels that a text takes from left to right.
  public static func width(of text: String, scale: Int = 1) -> Int {
    BitmapFont.width(text, scale: scale)
  }

  /// Pixels that a text takes from top to bottom.
  public static func textHeight(scale: Int = 1) -> Int { BitmapFont.height * scale }

  /// Puts a picture on the canvas.
  public mutating func place(_ other: Picture, left: Int, top: Int, magnification: Int = 1) {
    for row in 0..<other.height * magnification {
      for column in 0..<other.width * magnification {
        let pixel = other[column / magnification, row / magnification]
        set(left + column, top + row, Color(pixel.red, pixel.green, pixel.blue))
      }
    }
  }
}
