import Testing
import ThumbprintImages

@Suite struct ResamplingTests {
  /// The definition in double precision: every new pixel a weighted sum over its region.
  private func naive(
    _ picture: Picture, _ newWidth: Int, _ newHeight: Int, _ filter: ResamplingFilter,
    _ region: PixelRegion
  ) -> [Double] {
    func weights(_ oldCount: Int, _ newCount: Int, _ new: Int) -> [Double] {
      let scale = Double(oldCount) / Double(newCount)
      let raw = (0..<oldCount).map { old -> Double in
        switch filter {
        case .area:
          return max(
            0, min(Double(new + 1) * scale, Double(old + 1)) - max(Double(new) * scale, Double(old))
          )
        case .bicubic:
          let t = abs(Double(old) + 0.5 - (Double(new) + 0.5) * scale) / max(1, scale)
          return t < 1
            ? 1.5 * t * t * t - 2.5 * t * t + 1
            : t < 2 ? -0.5 * t * t * t + 2.5 * t * t - 4 * t + 2 : 0
        }
      }
      return raw.map { $0 / raw.reduce(0, +) }
    }
    var result: [Double] = []
    for y in 0..<newHeight {
      let down = weights(region.height, newHeight, y)
      for x in 0..<newWidth {
        let across = weights(region.width, newWidth, x)
        for c in 0..<3 {
          var sum = 0.0
          for (row, v) in down.enumerated() where v != 0 {
            for (column, h) in across.enumerated() where h != 0 {
              let place = (region.row + row) * picture.width + region.column + column
              sum += v * h * Double(picture.pixels[3 * place + c])
            }
          }
          result.append(min(255, max(0, sum)))
        }
      }
    }
    return result
  }

  @Test(
    arguments: ResamplingFilter.allCases,
    [(7, 5), (32, 32), (50, 3), (1, 1), (40, 31), (81, 64)] as [(Int, Int)])
  func equalsItsTwin(_ filter: ResamplingFilter, _ size: (Int, Int)) {
    let picture = noisePicture(width: 40, height: 31, seed: 7)
    for region in [
      PixelRegion(column: 0, row: 0, width: 40, height: 31),
      PixelRegion(column: 3, row: 30, width: 37, height: 1),
      PixelRegion(column: 5, row: 2, width: 11, height: 20),
    ] {
      let fast = picture.resized(
        width: size.0, height: size.1, filter: filter, region: region)
      let exact = naive(picture, size.0, size.1, filter, region)
      let worst = zip(fast.pixels, exact).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
      #expect(worst <= 0.501, "\(filter) \(size) \(region)")
    }
  }

  @Test func theSameSizeIsTheSamePicture() {
    let picture = noisePicture(width: 13, height: 9, seed: 8)
    for filter in ResamplingFilter.allCases {
      #expect(picture.resized(width: 13, height: 9, filter: filter) == picture)
    }
  }

  /// A pattern finer than the new pixels becomes its mean instead of a moiré.
  @Test func shrinkingDoesNotAlias() {
    var picture = Picture(width: 256, height: 256, red: 0, green: 0, blue: 0)
    for i in 0..<256 * 256 where (i % 256 + i / 256) % 2 == 0 {
      for c in 0..<3 { picture.pixels[3 * i + c] = 255 }
    }
    for filter in ResamplingFilter.allCases {
      let small = picture.resized(width: 33, height: 31, filter: filter)
      #expect(small.pixels.allSatisfy { abs(Int($0) - 127) <= 6 })
    }
  }

  @Test func aSheetHoldsThePicturesInOrder() throws {
    let pictures = (0..<5).map {
      Picture(width: 2, height: 3, red: UInt8($0), green: 0, blue: 0)
    }
    let sheet = try ContactSheet(columnCount: 2, magnification: 2, gap: 1).layOut(pictures)
    #expect(sheet.width == 2 * 5 + 1 && sheet.height == 3 * 7 + 1)
    #expect(sheet[0, 0] == (255, 255, 255))
    for i in 0..<5 {
      #expect(sheet[1 + i % 2 * 5, 1 + i / 2 * 7] == (UInt8(i), 0, 0))
      #expect(sheet[4 + i % 2 * 5, 6 + i / 2 * 7] == (UInt8(i), 0, 0))
    }
    #expect(sheet[6, 15] == (255, 255, 255))
    let error = try #require(throws: ImagesError.self) {
      try ContactSheet(columnCount: 1, gap: 0).layOut(
        [Picture](repeating: pictures[0], count: 6_000))
    }
    #expect(error.code == .tooLarge)
    #expect(throws: ImagesError.self) { try ContactSheet(columnCount: 1).layOut([]) }
  }

  @Test func aSheetSaysHowManyRowsItHasRoomFor() throws {
    let sheet = ContactSheet(columnCount: 2, magnification: 3, gap: 5)
    let height = 1_000
    let rowCount = sheet.rowCountMax(pictureHeight: height)
    #expect(rowCount == (Picture.sideMax - 5) / 3_005)
    let pictures = [Picture](
      repeating: Picture(width: 1, height: height, red: 1, green: 2, blue: 3),
      count: 2 * rowCount + 1)
    #expect(try sheet.layOut(Array(pictures.dropLast())).height == rowCount * 3_005 + 5)
    #expect(throws: ImagesError.self) { try sheet.layOut(pictures) }
    #expect(sheet.rowCountMax(pictureHeight: 6_000) == 0)
  }
}
