import Foundation
import Testing
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintImages
import ThumbprintNets

@Suite struct PictureEncoderTests {
  private func write(_ pictures: [Picture], in folder: String) throws -> [String] {
    try pictures.enumerated().map { number, picture in
      let path = "\(folder)/\(number).png"
      try picture.writePNG(to: path)
      return path
    }
  }

  @Test func outcomesDoNotDependOnThreads() throws {
    try withTemporaryFolder { folder in
      let model = try Model(codec: ModelTests.codec(), features: ModelTests.features())
      let paths = try write((0..<40).map { GoldenCode.picture($0) }, in: folder)
      let one = PictureEncoder(model, threadCount: 1).encode(paths[...])
      #expect(one?.count == 40)
      for threads in [2, 5] {
        #expect(PictureEncoder(model, threadCount: threads).encode(paths[...]) == one)
      }
      // Of a part, the same codes as of the whole when it begins with a group.
      let part = PictureEncoder(model, threadCount: 2).encode(paths[16...])
      #expect(part == one.map { Array($0[16...]) })
      guard case .coded(let image, let feature) = one?[3] else { return #expect(Bool(false)) }
      #expect(image == model.codec.encode(GoldenCode.picture(3)))
      #expect(feature == model.features?.encode(GoldenCode.picture(3)))
    }
  }

  @Test func badFilesDoNotDisturbTheOthers() throws {
    try withTemporaryFolder { folder in
      let model = try Model(codec: ModelTests.codec(), features: nil)
      var paths = try write((0..<5).map { GoldenCode.picture($0) }, in: folder)
      paths.insert(folder + "/missing.png", at: 2)
      let outcomes = try #require(PictureEncoder(model, threadCount: 2).encode(paths[...]))
      guard case .refused(let reason) = outcomes[2] else { return #expect(Bool(false)) }
      #expect(reason.contains("cannot be opened") && !reason.contains(folder))
      #expect(outcomes.count { if case .coded = $0 { true } else { false } } == 5)
    }
  }

  @Test func progressCanEndTheWork() throws {
    try withTemporaryFolder { folder in
      let model = try Model(codec: ModelTests.codec(), features: nil)
      let paths = try write((0..<40).map { GoldenCode.picture($0) }, in: folder)
      #expect(PictureEncoder(model, threadCount: 1).encode(paths[...]) { $0 < 20 } == nil)
    }
  }

  @Test func blocksComeInOrderAndAFailingOneEndsTheWork() throws {
    struct Full: Error {}
    try withTemporaryFolder { folder in
      let model = try Model(codec: ModelTests.codec(), features: nil)
      let paths = try write((0..<70).map { GoldenCode.picture($0 % 16) }, in: folder)
      let whole = PictureEncoder(model, threadCount: 1).encode(paths[...])
      for threads in [1, 3] {
        let encoder = PictureEncoder(model, threadCount: threads)
        var blocks: [[PictureEncoder.Outcome]] = []
        #expect(try encoder.encode(paths[...], blockCount: 20) { blocks.append($0) })
        #expect(blocks.dropLast().allSatisfy { $0.count >= 20 && $0.count % 16 == 0 })
        #expect(blocks.flatMap(\.self) == whole)
        // What was done before the end is handed out all the same.
        var some: [PictureEncoder.Outcome] = []
        let isWhole = try encoder.encode(
          paths[...], blockCount: 1_000, progress: { $0 < 40 }, block: { some += $0 })
        #expect(!isWhole && some.count < 70 && whole?.starts(with: some) == true)
        #expect(throws: Full.self) {
          _ = try encoder.encode(paths[...], blockCount: 16) { _ in throw Full() }
        }
      }
      #expect(try PictureEncoder(model, threadCount: 2).encode([], blockCount: 16) { _ in })
    }
  }

  @Test func filesThatAreNotReadAheadAreRead() throws {
    try withTemporaryFolder { folder in
      let model = try Model(codec: ModelTests.codec(), features: nil)
      // Noise, so that the file is above what is read ahead.
      var random = NetRandom(1)
      let pixels = (0..<3 * 640 * 640).map { _ in UInt8(random.integer(below: 256)) }
      let paths = try write([Picture(width: 640, height: 640, pixels: pixels)], in: folder)
      #expect(try Data(contentsOf: URL(filePath: paths[0])).count > 1 << 20)
      let outcomes = PictureEncoder(model, threadCount: 1).encode(paths[...])
      guard case .coded = outcomes?.first else { return #expect(Bool(false)) }
      let limits = DecodingLimits(fileByteCountMax: 1 << 20)
      let refused = PictureEncoder(model, threadCount: 1, limits: limits).encode(paths[...])
      guard case .refused(let reason) = refused?.first else { return #expect(Bool(false)) }
      #expect(reason.contains("above the bound"))
    }
  }

  @Test func cropsAreAFunctionOfSeedAndPlace() {
    let picture = GoldenCode.picture(1).resized(width: 150, height: 120, filter: .bicubic)
    let pictures = TrainingPictures(cropCount: 5, seed: 3)
    let a = pictures.thumbnails(of: picture, number: 4)
    let b = pictures.thumbnails(of: picture, number: 4)
    let c = pictures.thumbnails(of: picture, number: 5)
    #expect(a.count == 6 && (0..<6).allSatisfy { a[$0] == b[$0] })
    #expect(a[0] == c[0] && a[1] != c[1])
    #expect(pictures.thumbnails(of: GoldenCode.picture(1), number: 0).count == 1)
  }

  @Test func mirrorsTurnRowsAround() {
    var samples = (0..<2 * 3_072).map { Float($0 % 32) }
    Thumbnails.mirror(&samples, imageCount: 2) { $0 == 1 }
    // Plane by plane, image 0 then image 1.
    #expect(samples[0..<32].elementsEqual((0..<32).map { Float($0) }))
    #expect(samples[1_024..<1_056].elementsEqual((0..<32).reversed().map { Float($0) }))
  }
}
