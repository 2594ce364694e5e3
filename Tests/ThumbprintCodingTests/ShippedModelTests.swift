import Foundation
import Testing
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintImages

/// The model that comes with the program, on whatever machine runs the tests.
@Suite struct ShippedModelTests {
  private static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  private static let path = root.appending(
    path: "Sources/ThumbprintCoding/Resources/thumbprint.safetensors"
  ).path

  @Test func itMakesHereTheCodesThatItShould() throws {
    let model = try Model(path: Self.path)
    let codes = try #require(model.compareGoldenCodes())
    #expect(Double(codes.flipped) <= GoldenCode.flippedBitShareMax * Double(codes.of), "\(codes)")
  }

  @Test func theCardIsThatOfTheFile() throws {
    let model = try Model(path: Self.path)
    let card = try String(
      contentsOf: Self.root.appending(path: "docs/model-card.md"), encoding: .utf8)
    #expect(card.contains(model.identity.name))
    let size = try FileManager.default.attributesOfItem(atPath: Self.path)[.size] as? Int
    #expect((size ?? .max) <= 24 << 20)
  }

  @Test func itShowsPicturesThatItNeverSaw() throws {
    let model = try Model(path: Self.path)
    var pictures = Thumbnails()
    for number in 0..<GoldenCode.count { pictures.append(GoldenCode.picture(number)) }
    let evaluation = try model.codec.evaluate(pictures, threadCount: 2)
    for (coarse, fine) in zip(evaluation.rows, evaluation.rows.dropFirst()) {
      #expect(fine.meanPSNR > coarse.meanPSNR, "\(evaluation)")
    }
    #expect(evaluation.psnr > 21, "\(evaluation)")
  }
}
