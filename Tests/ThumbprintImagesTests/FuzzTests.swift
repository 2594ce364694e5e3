import CJPEG
import Foundation
import Testing
import ThumbprintCodes
import ThumbprintImages

@Suite struct FuzzTests {
  /// Every kind of file that is read, by name.
  enum Kind: String, CaseIterable {
    case plainPNG, palettePNG, deepPNG, greyAlphaPNG, deepGreyPNG
    case plainJPEG, fullColorJPEG, progressiveJPEG, greyJPEG, inkJPEG, turnedJPEG

    func file() throws -> [UInt8] {
      let picture = testPicture(width: 19, height: 17, seed: 5)
      func png(_ depth: Int, _ colorType: Int, bytes: Int) -> [UInt8] {
        let row = (0..<5 * bytes).map { UInt8($0 * 37 % 256) }
        return PNGBuilder(
          width: 5, height: 4, depth: depth, colorType: colorType,
          rows: (0..<4).flatMap { _ in [0] + row }
        ).file
      }
      func coded(_ format: TJPF, _ layout: TJSAMP, bytes: Int, flags: Int32 = 0) throws -> [UInt8] {
        try jpeg(
          (0..<16 * 16 * bytes).map { UInt8($0 * 7 % 256) }, width: 16, height: 16, format: format,
          layout: layout, flags: flags)
      }
      return switch self {
      case .plainPNG: try picture.png()
      case .palettePNG:
        PNGBuilder(
          width: 4, height: 4, depth: 4, colorType: 3,
          rows: (0..<4).flatMap { _ in [0, 0x01, 0x23] as [UInt8] },
          chunks: [
            ("PLTE", (0..<48).map { UInt8($0 * 5) }), ("tRNS", [0, 128, 255]),
            ("eXIf", exif(orientation: 7)),
          ]
        ).file
      case .deepPNG: png(16, 6, bytes: 8)
      case .greyAlphaPNG: png(8, 4, bytes: 2)
      case .deepGreyPNG: png(16, 0, bytes: 2)
      case .plainJPEG: try picture.jpeg(quality: 80)
      case .fullColorJPEG: try picture.jpeg(quality: 80, subsampling: .none)
      case .progressiveJPEG:
        try coded(TJPF_RGB, TJSAMP_420, bytes: 3, flags: TJFLAG_PROGRESSIVE)
      case .greyJPEG: try coded(TJPF_GRAY, TJSAMP_GRAY, bytes: 1)
      case .inkJPEG: try coded(TJPF_CMYK, TJSAMP_444, bytes: 4)
      case .turnedJPEG:
        inserting(
          0xE1, Array("Exif\0\0".utf8) + exif(orientation: 6), into: try picture.jpeg(quality: 80))
      }
    }
  }

  /// Thousands of damaged files of each kind: each is decoded within its limits or refused with
  /// one line.
  @Test(arguments: Kind.allCases) func damagedFilesNeverCrash(_ kind: Kind) throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("damagedFilesNeverCrash kind=\(kind) seed=\(seed)")
    var random = SplitMix64(seed: seed)
    let good = try kind.file()
    _ = try PictureReader.decode(good)
    var refused = 0
    for _ in 0..<2_000 {
      var bytes = good
      for _ in 0...Int.random(in: 0..<4, using: &random) where bytes.count > 8 {
        let place = Int.random(in: 2..<bytes.count, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 2: bytes[place] = 0xFF
        case 3: bytes.remove(at: place)
        case 4: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
        default: bytes.removeLast(Int.random(in: 0..<bytes.count / 2, using: &random))
        }
      }
      do throws(ImagesError) {
        let limits = DecodingLimits(pixelCountMax: 1 << 20, scaledPixelCountMax: 1 << 22)
        let decoded = try PictureReader.decode(bytes, limits: limits)
        #expect(decoded.width * decoded.height <= 1 << 20)
      } catch {
        refused += 1
        #expect(!error.message.isEmpty && !error.message.contains("\n"))
      }
    }
    #expect(refused > 100)
  }

  @Test func filesAreReadOrRefusedByPath() throws {
    let folder =
      FileManager.default.temporaryDirectory.path + "/thumbprint-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let picture = testPicture(width: 5, height: 6, seed: 1)
    try picture.writePNG(to: folder + "/a.png")
    #expect(try PictureReader.read(path: folder + "/a.png") == picture)
    try Data("text".utf8).write(to: URL(fileURLWithPath: folder + "/b.png"))
    for (path, code) in [
      (folder + "/none.png", ImagesError.Code.io), (folder, .io), ("/dev/zero", .io),
      (folder + "/b.png", .unrecognized),
    ] {
      let error = try #require(throws: ImagesError.self) { try PictureReader.read(path: path) }
      #expect(error.code == code && error.path == path)
    }
    let error = try #require(throws: ImagesError.self) {
      try picture.writePNG(to: folder + "/none/a.png")
    }
    #expect(error.code == .io)
  }
}
