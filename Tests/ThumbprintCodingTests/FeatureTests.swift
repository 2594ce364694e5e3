import Foundation
import Testing
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintImages
import ThumbprintNets

@Suite struct FeatureTests {
  static let convolutions = VGGDescription(
    side: 16, blocks: [[8], [16]], poolsLastBlock: false, preprocessing: .symmetric)

  static func part(seed: UInt64) throws -> ConvolutionalPart {
    ConvolutionalPart(convolutions, try Network(convolutions.convolutions, seed: seed))
  }

  /// Views of generated pictures, written to and read from files: `count` groups of four.
  static func described(
    _ count: Int, seed: UInt64, in folder: String, part: ConvolutionalPart,
    pooling: FeatureDescription.Pooling = .pyramid
  ) throws -> (pictures: PictureSet, described: DescribedSet) {
    let photographs = thumbnails(count, seed: seed)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for number in 0..<count {
      let photograph = ViewGenerator.scaled(photographs[number])
      for view in 0..<4 {
        let bytes = try ViewGenerator.mild.jpeg(
          of: photograph, seed: seed, photograph: number, view: view)
        let name = String(100_000 + 4 * number + view).dropFirst()
        try Data(bytes).write(to: URL(filePath: "\(folder)/ukbench\(name).jpg"))
      }
    }
    let groups = try PictureGroups(folder: folder)
    let pictures = try PictureSet(
      groups, indices: Array(groups.paths.indices), for: part.description, threadCount: 2)
    let codec = try Codec(CodecSpec(outerChannels: 4, innerChannels: 4), seed: 1)
    return (
      pictures, DescribedSet(pictures, part: part, pooling: pooling, codec: codec, threadCount: 2)
    )
  }

  static func network(_ set: DescribedSet, _ part: ConvolutionalPart) throws -> FeatureNetwork {
    try FeatureNetwork(
      fitting: part, to: set, usesGroups: false, componentCount: 12, hiddenCount: 24, seed: 3)
  }

  @Test func codesAreAFunctionOfThePictureAlone() throws {
    try withTemporaryFolder { folder in
      let part = try Self.part(seed: 2)
      let network = try Self.network(
        Self.described(20, seed: 4, in: folder, part: part).described, part)
      let pictures = thumbnails(9, seed: 5)
      let codes = network.encode(9) { pictures[$0] }
      #expect(Set(codes).count == 9)
      for threadCount in [2, 3] {
        #expect(network.encode(9, threadCount: threadCount) { pictures[$0] } == codes)
      }
      for index in 0..<9 { #expect(network.encode(pictures[index]) == codes[index]) }
    }
  }

  @Test func aNetworkIsReadAsItWasWritten() throws {
    try withTemporaryFolder { folder in
      try FileManager.default.createDirectory(
        atPath: folder + "/set", withIntermediateDirectories: true)
      let part = try Self.part(seed: 2)
      let network = try Self.network(
        Self.described(16, seed: 6, in: folder + "/set", part: part).described, part)
      let path = folder + "/a.safetensors"
      let picture = thumbnails(1, seed: 7)[0]
      try network.write(to: path)
      #expect(try FeatureNetwork(path: path).encode(picture) == network.encode(picture))
      let whole = try Data(contentsOf: URL(filePath: path))
      try network.write(to: path, halves: true)
      let half = try Data(contentsOf: URL(filePath: path))
      #expect(half.count < whole.count * 6 / 10)
      let rounded = try FeatureNetwork(path: path).encode(picture)
      #expect(rounded.distance(to: network.encode(picture)) < 200)

      #expect(try ConvolutionalPart(path: path).description == part.description)
      try part.write(to: path)
      #expect(try ConvolutionalPart(path: path).description == part.description)
      #expect(throws: CodingError.self) { try FeatureNetwork(path: path) }
      for count in [0, 7, 100, whole.count / 2, whole.count - 1] {
        try whole.prefix(count).write(to: URL(filePath: path))
        #expect(throws: NetsError.self, "\(count) bytes") { try FeatureNetwork(path: path) }
      }
    }
  }

  /// Weights of VGG-19 were trained for inputs of one of two kinds; their file says which.
  @Test func preprocessingGoesWithTheWeights() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/v.safetensors"
      let small = VGGDescription(
        side: 8, blocks: [[2], [3]], poolsLastBlock: true, preprocessing: .symmetric)
      let tensors = try Network(small.convolutions, seed: 1).tensors()
      let renamed = zip(["features.0", "features.3"], 0...).flatMap { name, number in
        tensors[2 * number..<2 * number + 2].map {
          ("\(name).\($0.name.split(separator: ".")[1])", $0.tensor)
        }
      }
      func found(_ metadata: [String: String], isRenamed: Bool = true) throws
        -> VGGDescription.Preprocessing
      {
        try SafetensorsWriter.write(isRenamed ? renamed : tensors, metadata: metadata, to: path)
        return try ConvolutionalPart(path: path, vgg19: small).description.preprocessing
      }
      #expect(try found([:]) == .torchvision)
      #expect(try found([:], isRenamed: false) == .caffe)
      #expect(try found(["preprocessing": "caffe"]) == .caffe)
      #expect(try found(["preprocessing": "BGR, 0..255, minus 103.939"]) == .caffe)
      #expect(try found(["preprocessing": "torchvision"], isRenamed: false) == .torchvision)
      let error = #expect(throws: CodingError.self) { try found(["preprocessing": "other\n"]) }
      #expect(error?.message.contains("neither 'caffe' nor 'torchvision'") == true)
    }
  }

  @Test func fineTuningBringsGroupsTogetherAndResumesToTheSameBits() throws {
    try withTemporaryFolder { folder in
      try FileManager.default.createDirectory(
        atPath: folder + "/set", withIntermediateDirectories: true)
      let part = try Self.part(seed: 2)
      let (_, set) = try Self.described(24, seed: 8, in: folder + "/set", part: part)
      let network = try Self.network(set, part)
      let recipe = FineTuningRecipe(groupCount: 8, stepCount: 12)
      func trainer(threads: Int) throws -> FineTuningTrainer {
        try FineTuningTrainer(
          recipe: recipe, network: network, set: set, seed: 5, threadCount: threads)
      }
      var whole = try trainer(threads: 1)
      while !whole.isFinished { _ = try whole.advance() }
      let queries = Array(set.groups.indices)
      let before = set.scores(network, queries: queries, threadCount: 2)
      let after = set.scores(whole.network, queries: queries, threadCount: 2)
      let gain = try #require(after.combined).score - #require(before.combined).score
      #expect(gain > 0, "\(before) to \(after)")

      let checkpoint = folder + "/checkpoint"
      var first = try trainer(threads: 2)
      for _ in 0..<5 { _ = try first.advance() }
      try first.write(to: checkpoint)
      var second = try trainer(threads: 1)
      try second.restore(from: checkpoint)
      while !second.isFinished { _ = try second.advance() }
      let (a, b) = (whole.network.tensors(), second.network.tensors())
      #expect(zip(a, b).allSatisfy { $0.tensor == $1.tensor })
    }
  }

  @Test func distillationLearnsAndResumesToTheSameBits() throws {
    let teacher = try Self.part(seed: 9)
    let student = VGGDescription(
      side: 16, blocks: [[8], [8], [16]], poolsLastBlock: false, isNormalized: true,
      preprocessing: .symmetric)
    let photographs = (0..<3).map { thumbnails(3, seed: 10)[$0] }
    let recipe = DistillationRecipe(
      student: student, cropCount: 24, batchCount: 8, sliceImageCount: 4,
      schedule: LearningRateSchedule(peak: 1e-2, final: 1e-3, warmUpStepCount: 2, stepCount: 40))
    func trainer(threads: Int) throws -> DistillationTrainer {
      try DistillationTrainer(
        recipe: recipe, teacher: teacher, photographs: photographs, seed: 11,
        threadCount: threads)
    }
    var whole = try trainer(threads: 1)
    let start = try whole.advance().errorShare
    var end = start
    while !whole.isFinished { end = try whole.advance().errorShare }
    #expect(end < start / 2, "\(start) to \(end)")
    try withTemporaryFolder { folder in
      var first = try trainer(threads: 2)
      for _ in 0..<11 { _ = try first.advance() }
      try first.write(to: folder + "/checkpoint")
      var second = try trainer(threads: 1)
      try second.restore(from: folder + "/checkpoint")
      while !second.isFinished { _ = try second.advance() }
      try whole.part.write(to: folder + "/a")
      try second.part.write(to: folder + "/b")
      let (a, b) = try (
        Data(contentsOf: URL(filePath: folder + "/a")),
        Data(contentsOf: URL(filePath: folder + "/b"))
      )
      #expect(a == b)
    }
  }

  @Test func figuresHaveTheirRows() throws {
    try withTemporaryFolder { folder in
      let part = try Self.part(seed: 2)
      let (pictures, set) = try Self.described(70, seed: 12, in: folder, part: part)
      let network = try Self.network(set, part)
      let evaluation = RetrievalEvaluation(pictures, set, trainPart: .even, threadCount: 2)
      let rows = evaluation.baselines() + evaluation.figure6(untuned: network, tuned: network)
      #expect(rows.count == 7)
      for row in rows {
        #expect((1...4).contains(row.test.score) && (1...4).contains(row.train.score), "\(row)")
      }
      #expect(rows[3].test == rows[5].test)
      #expect(throws: CodingError.self) {
        // 128 principal components need more pictures, or larger descriptors, than these.
        try FeatureNetwork(fitting: part, to: set, usesGroups: false, seed: 1)
      }
    }
  }
}
