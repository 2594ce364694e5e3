/// Pictures side by side on one sheet.
public struct ContactSheet: Sendable {
  /// Pictures in a row.
  public let columnCount: Int
  /// Screen pixels for each pixel of a picture, in both directions.
  public let magnification: Int
  /// Pixels between pictures and around them.
  public let gap: Int
  /// The colour of the gaps: red, green, blue.
  public let background: (UInt8, UInt8, UInt8)

  public init(
    columnCount: Int, magnification: Int = 1, gap: Int = 2,
    background: (UInt8, UInt8, UInt8) = (255, 255, 255)
  ) {
    precondition(columnCount > 0, "a sheet has columns, not \(columnCount)")
    precondition((1...64).contains(magnification), "no magnification by \(magnification)")
    precondition((0...1024).contains(gap), "no gap of \(gap) pixels")
    self.columnCount = columnCount
    self.magnification = magnification
    self.gap = gap
    self.background = background
  }

  /// The most rows of pictures so high that ``layOut(_:)`` makes; 0 if not even one.
  public func rowCountMax(pictureHeight: Int) -> Int {
    max(0, (Picture.sideMax - gap) / (pictureHeight * magnification + gap))
  }

  /// Lays the pictures out row by row; cells are as large as the largest picture, each picture in
  /// the top left corner of its own.
  ///
  /// - Throws: ``ImagesError/Code/tooLarge`` if the sheet's sides were above ``Picture/sideMax``,
  ///   ``ImagesError/Code/unsupported`` if there are no pictures.
  public func layOut(_ pictures: [Picture]) throws(ImagesError) -> Picture {
    guard !pictures.isEmpty else {
      throw ImagesError(.unsupported, "a sheet needs at least one picture")
    }
    let columns = min(columnCount, pictures.count)
    let rows = (pictures.count + columns - 1) / columns
    let cellWidth = pictures.map(\.width).max()! * magnification
    let cellHeight = pictures.map(\.height).max()! * magnification
    let width = columns * (cellWidth + gap) + gap
    let height = rows * (cellHeight + gap) + gap
    guard width <= Picture.sideMax, height <= Picture.sideMax else {
      throw ImagesError(
        .tooLarge, "a sheet of \(width)×\(height) is above \(Picture.sideMax) rows or columns")
    }
    var sheet = Picture(
      width: width, height: height, red: background.0, green: background.1, blue: background.2)
    for (index, picture) in pictures.enumerated() {
      let left = gap + index % columns * (cellWidth + gap)
      let top = gap + index / columns * (cellHeight + gap)
      for row in 0..<picture.height * magnification {
        var target = 3 * ((top + row) * width + left)
        for column in 0..<picture.width * magnification {
          let source =
            3 * (row / magnification * picture.width + column / magnification)
          for c in 0..<3 { sheet.pixels[target + c] = picture.pixels[source + c] }
          target += 3
        }
      }
    }
    return sheet
  }
}
