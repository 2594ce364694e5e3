import Testing
import ThumbprintImages

@Suite struct PNGTests {
  private func pixels(_ builder: PNGBuilder) throws -> [UInt8] {
    try PictureReader.decode(builder.file).pixels
  }

  @Test func whatIsWrittenIsRead() throws {
    let picture = testPicture(width: 37, height: 21, seed: 1)
    let file = try picture.png()
    #expect(try PictureReader.decode(file) == picture)
    let noise = noisePicture(width: 200, height: 3, seed: 2)
    #expect(try PictureReader.decode(noise.png()) == noise)
  }

  @Test func everyColorTypeAndDepthIsRead() throws {
    // Eight bits: RGB, grey.
    #expect(
      try pixels(PNGBuilder(width: 1, height: 2, rows: [0, 1, 2, 3, 0, 4, 5, 6]))
        == [1, 2, 3, 4, 5, 6])
    #expect(
      try pixels(PNGBuilder(width: 2, height: 1, colorType: 0, rows: [0, 7, 255]))
        == [7, 7, 7, 255, 255, 255])
    // One, two and four bits of grey.
    #expect(
      try pixels(PNGBuilder(width: 3, height: 1, depth: 1, colorType: 0, rows: [0, 0b1010_0000]))
        == [255, 255, 255, 0, 0, 0, 255, 255, 255])
    #expect(
      try pixels(PNGBuilder(width: 2, height: 1, depth: 2, colorType: 0, rows: [0, 0b0110_0000]))
        == [85, 85, 85, 170, 170, 170])
    #expect(
      try pixels(PNGBuilder(width: 2, height: 1, depth: 4, colorType: 0, rows: [0, 0x3F]))
        == [51, 51, 51, 255, 255, 255])
    // A palette.
    let palette: [(String, [UInt8])] = [("PLTE", [9, 8, 7, 50, 60, 70])]
    #expect(
      try pixels(
        PNGBuilder(
          width: 2, height: 1, depth: 1, colorType: 3, rows: [0, 0b0100_0000], chunks: palette))
        == [9, 8, 7, 50, 60, 70])
  }

  /// Sixteen bits are scaled to eight by rounding, without a change of curve.
  @Test func sixteenBitsAreReadAsSRGB() throws {
    let rgb = try pixels(
      PNGBuilder(
        width: 2, height: 1, depth: 16,
        rows: [0, 0x80, 0x80, 0, 0, 0xFF, 0xFF, 0x10, 0x10, 0x20, 0x20, 0x7F, 0x7F]))
    for (found, wanted) in zip(rgb, [0x80, 0, 0xFF, 0x10, 0x20, 0x7F]) {
      #expect(abs(Int(found) - wanted) <= 1)
    }
    let grey = try pixels(
      PNGBuilder(width: 1, height: 1, depth: 16, colorType: 0, rows: [0, 0x40, 0x40]))
    #expect(grey.allSatisfy { abs(Int($0) - 0x40) <= 1 })
  }

  @Test func alphaIsLaidOverWhite() throws {
    #expect(
      try pixels(
        PNGBuilder(
          width: 3, height: 1, colorType: 6,
          rows: [0, 10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 255, 51]))
        == [10, 20, 30, 255, 255, 255, 204, 224, 255])
    #expect(
      try pixels(PNGBuilder(width: 2, height: 1, colorType: 4, rows: [0, 0, 128, 77, 0]))
        == [127, 127, 127, 255, 255, 255])
    // A colour that is declared transparent, and a palette with alpha.
    #expect(
      try pixels(
        PNGBuilder(
          width: 2, height: 1, rows: [0, 1, 2, 3, 4, 5, 6],
          chunks: [("tRNS", [0, 1, 0, 2, 0, 3])])) == [255, 255, 255, 4, 5, 6])
    #expect(
      try pixels(
        PNGBuilder(
          width: 2, height: 1, depth: 1, colorType: 3, rows: [0, 0b0100_0000],
          chunks: [("PLTE", [9, 8, 7, 50, 60, 70]), ("tRNS", [0])])) == [255, 255, 255, 50, 60, 70])
  }

  @Test func exifTurnsThePicture() throws {
    // Two columns, one row: A B. Orientation 6 shows it turned right: A above B.
    var builder = PNGBuilder(width: 2, height: 1, rows: [0, 1, 1, 1, 2, 2, 2])
    builder.chunks = [("eXIf", exif(orientation: 6))]
    let picture = try PictureReader.decode(builder.file)
    #expect(picture.width == 1 && picture.height == 2)
    #expect(picture.pixels == [1, 1, 1, 2, 2, 2])
  }

  @Test func hostileFilesAreRefused() throws {
    let good = PNGBuilder(width: 2, height: 2, rows: [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6])
    #expect(throws: Never.self) { try PictureReader.decode(good.file) }
    var giant = good
    (giant.width, giant.height) = (2_000_000_000, 2_000_000_000)
    expectRefusal(giant.file, .tooLarge, "2000000000×2000000000")
    (giant.width, giant.height) = (6_000, 6_000)
    expectRefusal(giant.file, .truncated, "cannot hold the 6000×6000")
    var empty = good
    empty.width = 0
    expectRefusal(empty.file, .damaged, "header")
    var strange = good
    strange.colorType = 5
    expectRefusal(strange.file, .damaged, "header")
    strange.colorType = 3
    strange.depth = 16
    expectRefusal(strange.file, .damaged, "PNG")
    var short = good
    short.rows.removeLast(5)
    expectRefusal(short.file, .truncated, "PNG")
    expectRefusal(Array(good.file.prefix(20)), .truncated, "too few")
    expectRefusal(Array(good.file.prefix(50)), .truncated, "PNG")
    var flipped = good.file
    flipped[flipped.count - 20] ^= 1
    expectRefusal(flipped, .damaged, "PNG")
  }
}
