import CJPEG
import Testing
import ThumbprintImages

@Suite struct JPEGTests {
  @Test func whatIsWrittenIsReadNearly() throws {
    let picture = testPicture(width: 40, height: 24, seed: 1)
    let fine = try PictureReader.decode(picture.jpeg(quality: 100, subsampling: .none))
    #expect(greatestDifference(fine, picture) <= 6)
    let coarse = try picture.jpeg(quality: 8)
    #expect(try coarse.count < picture.jpeg(quality: 95).count)
    #expect(try PictureReader.decode(coarse).width == 40)
  }

  @Test func greyAndProgressiveAreRead() throws {
    let grey = [UInt8]((0..<64).map { UInt8($0 * 3) })
    let file = try jpeg(grey, width: 8, height: 8, format: TJPF_GRAY, layout: TJSAMP_GRAY)
    let picture = try PictureReader.decode(file)
    for (i, value) in grey.enumerated() {
      #expect(abs(Int(picture.pixels[3 * i]) - Int(value)) <= 4)
      #expect(picture.pixels[3 * i] == picture.pixels[3 * i + 2])
    }
    let original = testPicture(width: 40, height: 24, seed: 1)
    let progressive = try jpeg(
      original.pixels, width: 40, height: 24, flags: TJFLAG_PROGRESSIVE)
    let plain = try jpeg(original.pixels, width: 40, height: 24)
    #expect(progressive != plain)
    #expect(try PictureReader.decode(progressive) == PictureReader.decode(plain))
  }

  /// CMYK as Adobe writes it (inverted), and as the standard would have it.
  @Test func inkIsTurnedIntoLight() throws {
    let inks = [UInt8](repeating: 0, count: 64).flatMap { _ in [255, 128, 0, 200] as [UInt8] }
    let file = try jpeg(inks, width: 8, height: 8, format: TJPF_CMYK)
    let adobe = inserting(0xEE, Array("Adobe".utf8) + [0, 100, 0, 0, 0, 0, 2], into: file)
    let hasMarker = file.indices.contains { file[$0...].starts(with: "Adobe".utf8) }
    let inverted = try PictureReader.decode(hasMarker ? file : adobe)[3, 3]
    for (found, wanted) in zip(
      [inverted.red, inverted.green, inverted.blue], [200, 100, 0])
    {
      #expect(abs(Int(found) - wanted) <= 4)
    }
  }

  @Test(arguments: 1...8) func exifTurnsThePicture(_ orientation: Int) throws {
    // What is seen: a wide picture, red to the left, green in the lower right corner.
    var seen = Picture(width: 32, height: 16, red: 0, green: 0, blue: 255)
    for row in 0..<16 {
      for column in 0..<32 {
        let start = 3 * (row * 32 + column)
        if column < 8 { seen.pixels.replaceSubrange(start..<start + 3, with: [255, 0, 0]) }
        if column >= 24, row >= 8 {
          seen.pixels.replaceSubrange(start..<start + 3, with: [0, 255, 0])
        }
      }
    }
    // What is stored, from the words of the standard: row 0 and column 0 of the stored picture are
    // these sides of what is seen.
    let stored = try #require(
      [
        1: (32, 16, { ($0, $1) }), 2: (32, 16, { (31 - $0, $1) }),
        3: (32, 16, { (31 - $0, 15 - $1) }), 4: (32, 16, { ($0, 15 - $1) }),
        5: (16, 32, { ($1, $0) }), 6: (16, 32, { (31 - $1, $0) }),
        7: (16, 32, { (31 - $1, 15 - $0) }), 8: (16, 32, { ($1, 15 - $0) }),
      ][orientation] as (Int, Int, (Int, Int) -> (Int, Int))?)
    var file = Picture(width: stored.0, height: stored.1, red: 0, green: 0, blue: 0)
    for row in 0..<stored.1 {
      for column in 0..<stored.0 {
        let from = stored.2(column, row)
        let pixel = seen[from.0, from.1]
        let start = 3 * (row * stored.0 + column)
        file.pixels.replaceSubrange(
          start..<start + 3, with: [pixel.red, pixel.green, pixel.blue])
      }
    }
    let bytes = inserting(
      0xE1, Array("Exif\0\0".utf8) + exif(orientation: UInt8(orientation)),
      into: try file.jpeg(quality: 100, subsampling: .none))
    #expect(greatestDifference(try PictureReader.decode(bytes), seen) <= 12)
  }

  @Test func damagedExifIsIgnored() throws {
    let file = try testPicture(width: 8, height: 8, seed: 1).jpeg(quality: 90)
    let plain = try PictureReader.decode(file)
    for block in [[], [0x49], exif(orientation: 9), Array(exif(orientation: 6).prefix(15))] {
      let bytes = inserting(0xE1, Array("Exif\0\0".utf8) + block, into: file)
      #expect(try PictureReader.decode(bytes) == plain)
    }
  }

  @Test func aSmallPictureIsDecodedFromALargeFileAtAScale() throws {
    let file = try testPicture(width: 512, height: 256, seed: 3).jpeg(quality: 95)
    let small = try PictureReader.decode(file, sideMin: 60)
    #expect(small.width == 128 && small.height == 64)
    #expect(try PictureReader.decode(file, sideMin: 256).width == 512)
    #expect(try PictureReader.decode(file, sideMin: 10_000).width == 512)
    let limits = DecodingLimits(pixelCountMax: 10_000)
    let bounded = try PictureReader.decode(file, limits: limits)
    #expect(bounded.width == 128 && bounded.height == 64)
  }

  @Test func largePicturesAreRefusedBeforeTheyAreDecoded() throws {
    let picture = testPicture(width: 512, height: 256, seed: 3)
    let plain = try picture.jpeg(quality: 95)
    expectRefusal(plain, .tooLarge, "at an eighth", limits: DecodingLimits(pixelCountMax: 100))
    expectRefusal(
      plain, .tooLarge, "512×256", limits: DecodingLimits(scaledPixelCountMax: 100_000))
    let progressive = try jpeg(
      picture.pixels, width: 512, height: 256, flags: TJFLAG_PROGRESSIVE)
    expectRefusal(
      progressive, .tooLarge, "512×256", limits: DecodingLimits(pixelCountMax: 100_000))
    expectRefusal(plain, .tooLarge, "bytes", limits: DecodingLimits(fileByteCountMax: 100))
    // A frame header that claims 65500 × 65500 progressive pixels.
    var giant = progressive
    let frame = try #require(
      giant.indices.dropLast().first { giant[$0] == 0xFF && giant[$0 + 1] == 0xC2 })
    giant.replaceSubrange(frame + 5..<frame + 9, with: [0xFF, 0xDC, 0xFF, 0xDC])
    expectRefusal(giant, .tooLarge, "65500×65500")
  }

  @Test func hostileFilesAreRefused() throws {
    let file = try testPicture(width: 64, height: 64, seed: 4).jpeg(quality: 90)
    expectRefusal([], .unrecognized, "empty")
    expectRefusal(Array("GIF89a".utf8), .unrecognized, "neither")
    expectRefusal([0xFF, 0xD8], .truncated, "header")
    expectRefusal([0xFF, 0xD8, 0xFF, 0xD9, 0, 0], .damaged, "no picture")
    expectRefusal([0xFF, 0xD8, 0xFF, 0xE0, 0, 1, 0], .damaged, "segment of 1")
    expectRefusal([0xFF, 0xD8, 0xFF, 0xDA, 0, 8, 1, 2, 3, 4, 5, 6], .damaged, "before the frame")
    expectRefusal(Array(file.prefix(100)), .truncated, "header")
    expectRefusal(Array(file.prefix(file.count * 3 / 4)), .truncated, "Premature end")
  }

  @Test func bytesBetweenSegmentsAreHarmless() throws {
    let file = try testPicture(width: 16, height: 16, seed: 4).jpeg(quality: 90)
    // Before the end-of-image marker.
    let odd = Array(file.dropLast(2)) + [0, 0, 0] + Array(file.suffix(2))
    #expect(try PictureReader.decode(odd) == PictureReader.decode(file))
  }
}
