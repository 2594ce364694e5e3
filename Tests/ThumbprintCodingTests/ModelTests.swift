import Foundation
import Testing
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintImages
import ThumbprintNets

@Suite struct ModelTests {
  static func codec(seed: UInt64 = 1, bottleneck: CodecSpec.Bottleneck = .grid) throws -> Codec {
    try Codec(CodecSpec(outerChannels: 6, innerChannels: 8, bottleneck: bottleneck), seed: seed)
  }

  /// A feature network of random weights that looks at 8×8 pixels.
  static func features(seed: UInt64 = 1) throws -> FeatureNetwork {
    let description = VGGDescription(
      side: 8, blocks: [[4]], poolsLastBlock: true, preprocessing: .symmetric)
    let part = try ConvolutionalPart(
      description, Network(description.convolutions, seed: seed))
    return try FeatureNetwork(
      FeatureDescription(convolutions: part.description, componentCount: 6, hiddenCount: 10),
      part, seed: seed)
  }

  @Test func modelsComeBackAsTheyWere() throws {
    try withTemporaryFolder { folder in
      for bottleneck in [CodecSpec.Bottleneck.grid, .whole] {
        for features in [nil, try Self.features()] {
          let model = try Model(
            codec: Self.codec(bottleneck: bottleneck), features: features,
            notes: ["data": "none, “really”"])
          try model.withGoldenCodes().write(to: folder + "/m")
          let read = try Model(path: folder + "/m")
          #expect(read.identity == model.identity && read.notes == model.notes)
          #expect(read.codec.spec == model.codec.spec)
          let codes = try #require(read.compareGoldenCodes())
          #expect(codes.flipped == 0)
          #expect(codes.of == 16 * (features == nil ? 512 : 4_608))
          #expect(try Codec(path: folder + "/m").spec == model.codec.spec)
        }
      }
    }
  }

  @Test func halvesRoundOnceAndStayTheSame() throws {
    try withTemporaryFolder { folder in
      let exact = try Model(codec: Self.codec(), features: Self.features())
      try exact.write(to: folder + "/a", halves: true)
      let rounded = try Model(path: folder + "/a")
      #expect(rounded.identity != exact.identity)
      try rounded.write(to: folder + "/b", halves: true)
      #expect(try Model(path: folder + "/b").identity == rounded.identity)
      try rounded.write(to: folder + "/c")
      #expect(try Model(path: folder + "/c").identity == rounded.identity)
    }
  }

  @Test func identitiesDifferWithWeightsAndShapesAlone() throws {
    let models = [
      try Model(codec: Self.codec(), features: nil),
      try Model(codec: Self.codec(seed: 2), features: nil),
      try Model(codec: Self.codec(), features: Self.features()),
      try Model(codec: Self.codec(), features: Self.features(seed: 2)),
      try Model(codec: Self.codec(bottleneck: .whole), features: nil),
    ]
    #expect(Set(models.map(\.identity)).count == models.count)
    let noted = try Model(codec: Self.codec(), features: nil, notes: ["a": "b"])
    #expect(noted.identity == models[0].identity)
  }

  @Test func aCodecAloneIsAModelThatShows() throws {
    try withTemporaryFolder { folder in
      try Self.codec().write(to: folder + "/codec")
      let model = try Model(path: folder + "/codec")
      #expect(model.features == nil && model.goldenCodes.isEmpty)
      #expect(model.compareGoldenCodes() == nil)
    }
  }

  @Test func damagedModelsAreRefusedInOneLine() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/m"
      try Model(codec: Self.codec(), features: Self.features()).withGoldenCodes().write(to: path)
      let good = Array(try Data(contentsOf: URL(filePath: path)))
      let seed = UInt64.random(in: 0...UInt64.max)
      var random = NetRandom(seed)
      for round in 0..<400 {
        var bytes = good
        switch round % 4 {
        case 0: bytes = Array(bytes.prefix(random.integer(below: bytes.count)))
        case 1: bytes[random.integer(below: bytes.count)] ^= 1 << UInt8(random.integer(below: 8))
        case 2: bytes[random.integer(below: 4_000)] = UInt8(random.integer(below: 256))
        default:
          let start = random.integer(below: bytes.count - 64)
          for i in start..<start + 64 { bytes[i] = UInt8(random.integer(below: 256)) }
        }
        try Data(bytes).write(to: URL(filePath: path))
        do {
          // A change of the notes or of the golden codes is none of the weights.
          _ = try Model(path: path)
        } catch {
          let text = "\(error)"
          #expect(
            text.contains(path) && !text.contains("\n"), "seed=\(seed) round \(round): \(text)")
        }
      }
    }
  }

  @Test func aFlippedWeightIsFound() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/m"
      for halves in [false, true] {
        try Model(codec: Self.codec(), features: nil).write(to: path, halves: halves)
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[bytes.count - 2] ^= 1
        try bytes.write(to: URL(filePath: path))
        let error = #expect(throws: CodingError.self) { try Model(path: path) }
        #expect(error?.code == .malformedModel && error?.message.contains("damaged") == true)
      }
    }
  }

  @Test func generatedPicturesAreTheSameEverywhere() {
    var sum: UInt64 = 0
    for number in 0..<GoldenCode.count {
      for byte in GoldenCode.picture(number).pixels { sum = sum &* 31 &+ UInt64(byte) }
    }
    #expect(sum == 3_787_412_871_100_173_101)
  }
}
