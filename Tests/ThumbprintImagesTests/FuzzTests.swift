import Foundation
import Testing
import ThumbprintCodes
import ThumbprintImages

@Suite struct FuzzTests {
  /// Thousands of damaged files of each kind: each is decoded within its limits or refused with
  /// one line.
  @Test(arguments: [0, 1, 2, 3]) func damagedFilesNeverCrash(_ kind: Int) throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("damagedFilesNeverCrash kind=\(kind) seed=\(seed)")
    var random = SplitMix64(seed: seed)
    let picture = testPicture(width: 19, height: 17, seed: 5)
    let good: [UInt8] =
      switch kind {
      case 0: try picture.png()
      case 1: try picture.jpeg(quality: 80)
      case 2: try picture.jpeg(quality: 80, subsampling: .none)
      default:
        PNGBuilder(
          width: 4, height: 4, depth: 4, colorType: 3,
          rows: (0..<4).flatMap { _ in [0, 0x01, 0x23] as [UInt8] },
          chunks: [
            ("PLTE", (0..<48).map { UInt8($0 * 5) }), ("tRNS", [0, 128, 255]),
            ("eXIf", exif(orientation: 7)),
          ]
        ).file
      }
    var refused = 0
    for _ in 0..<3_000 {
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
    #expect(refused > 300)
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
