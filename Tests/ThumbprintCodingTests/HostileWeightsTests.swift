import Foundation
import Testing
import ThumbprintCoding
import ThumbprintNets

/// Every kind of weight file, damaged: refused in one line that names the path, or read.
@Suite struct HostileWeightsTests {
  enum Kind: String, CaseIterable {
    case codec, convolutions, features, vgg, checkpoint

    private static let small = VGGDescription(
      side: 8, blocks: [[2], [3]], poolsLastBlock: true, preprocessing: .symmetric)

    private static func trainer() throws -> CodecTrainer {
      try CodecTrainer(
        recipe: .sequence(
          spec: CodecSpec(outerChannels: 4, innerChannels: 4), stageStepCount: 2,
          jointStepCount: 2, batchCount: 4, sliceImageCount: 2),
        pictures: thumbnails(8, seed: 1), seed: 1, threadCount: 1)
    }

    func write(to path: String) throws {
      switch self {
      case .codec: try ModelTests.codec().write(to: path)
      case .convolutions: try FeatureTests.part(seed: 1).write(to: path)
      case .features: try ModelTests.features().write(to: path)
      case .vgg:
        try SafetensorsWriter.write(
          Network(Self.small.convolutions, seed: 1).tensors(), metadata: ["from": "elsewhere"],
          to: path)
      case .checkpoint:
        try Self.trainer().write(to: path)
      }
    }

    func read(_ path: String) throws {
      switch self {
      case .codec: _ = try Codec(path: path)
      case .convolutions: _ = try ConvolutionalPart(path: path)
      case .features: _ = try FeatureNetwork(path: path)
      case .vgg: _ = try ConvolutionalPart(path: path, vgg19: Self.small)
      case .checkpoint:
        var trainer = try Self.trainer()
        try trainer.restore(from: path)
      }
    }
  }

  @Test(arguments: Kind.allCases) func damageIsRefusedInOneLine(_ kind: Kind) throws {
    try withTemporaryFolder { folder in
      let path = folder + "/weights"
      try kind.write(to: path)
      try kind.read(path)
      let good = Array(try Data(contentsOf: URL(filePath: path)))
      let headerEnd = 8 + Int(good[0]) + Int(good[1]) << 8
      let seed = UInt64.random(in: 0...UInt64.max)
      print("damageIsRefusedInOneLine kind=\(kind) seed=\(seed)")
      var random = NetRandom(seed)
      var refused = 0
      for round in 0..<240 {
        var bytes = good
        switch round % 4 {
        case 0: bytes = Array(bytes.prefix(random.integer(below: bytes.count)))
        case 1: bytes[random.integer(below: headerEnd)] ^= 1 << UInt8(random.integer(below: 8))
        case 2:
          // Another number or letter in the header: shapes, sizes, types, names.
          let places = (8..<headerEnd).filter {
            (0x30...0x39).contains(bytes[$0]) || (0x61...0x7A).contains(bytes[$0])
          }
          let place = places[random.integer(below: places.count)]
          let (base, count) = bytes[place] < 0x3A ? (0x30, 10) : (0x61, 26)
          bytes[place] = UInt8(base + random.integer(below: count))
        default:
          let start = headerEnd + random.integer(below: bytes.count - headerEnd - 4)
          // A weight that is no number.
          bytes.replaceSubrange(start & ~3..<start & ~3 + 4, with: [0xFF, 0xFF, 0xFF, 0x7F])
        }
        try Data(bytes).write(to: URL(filePath: path))
        do {
          try kind.read(path)
        } catch {
          let text = "\(error)"
          #expect(
            text.contains(path) && !text.contains("\n"), "seed=\(seed) round \(round): \(text)")
          refused += 1
        }
      }
      #expect(refused > 80)
    }
  }
}
