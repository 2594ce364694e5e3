import Foundation
import Testing
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintImages
import ThumbprintNets

@Suite struct ClassTrainingTests {
  /// Pictures of four classes in folders: stripes of two colours, of which one is about that of the
  /// class.
  static func draw(_ count: Int, seed: UInt64, in folder: String) throws {
    for label in 0..<4 {
      let place = "\(folder)/class-\(label)"
      try FileManager.default.createDirectory(
        atPath: place, withIntermediateDirectories: true)
      for number in 0..<count {
        var random = NetRandom(seed, UInt64(label), UInt64(number))
        let own: [[Int]] = [[190, 60, 60], [60, 190, 60], [60, 60, 190], [170, 170, 60]]
        let colors =
          own[label].map { UInt8($0 - 40 + random.integer(below: 81)) }
          + (0..<3).map { _ in UInt8(random.integer(below: 256)) }
        let (period, phase) = (3 + random.integer(below: 4), random.integer(below: 8))
        var pixels: [UInt8] = []
        for row in 0..<16 {
          for column in 0..<16 {
            let isOwn = ((number % 2 == 0 ? row : column) + phase) / period % 2 == 0
            pixels += colors[isOwn ? 0..<3 : 3..<6]
          }
        }
        try Picture(width: 16, height: 16, pixels: pixels).writePNG(to: "\(place)/\(number).png")
      }
    }
  }

  static func table(
    _ classes: PictureClasses, _ part: ConvolutionalPart, _ pooling: FeatureDescription.Pooling,
    _ path: String, byteCountMax: Int = 1 << 24, progress: (Int) throws -> Void = { _ in }
  ) throws -> DescriptorTable {
    try DescriptorTable(
      describing: classes.paths, by: part, pooling: pooling, path: path,
      byteCountMax: byteCountMax, threadCount: 2, progress: progress)
  }

  static func network(
    _ table: DescriptorTable, _ part: ConvolutionalPart, _ pooling: FeatureDescription.Pooling
  ) throws -> FeatureNetwork {
    try FeatureNetwork(
      fitting: part, to: table, pooling: pooling, componentCount: 16, hiddenCount: 32, seed: 3)
  }

  @Test(arguments: FeatureDescription.Pooling.allCases)
  func classesAreLearnedAndRunsResumeToTheSameBits(_ pooling: FeatureDescription.Pooling) throws {
    try withTemporaryFolder { folder in
      try Self.draw(30, seed: 1, in: folder + "/train")
      try Self.draw(10, seed: 2, in: folder + "/test")
      let part = try FeatureTests.part(seed: 4)
      let training = try PictureClasses(folder: folder + "/train")
      let test = try PictureClasses(folder: folder + "/test", names: training.names)
      let rows = try Self.table(training, part, pooling, folder + "/a")
      let testRows = try Self.table(test, part, pooling, folder + "/b")
      let start = try Self.network(rows, part, pooling)
      let recipe = ClassTrainingRecipe(batchCount: 40, dropout: 0.2, stepCount: 60)
      func trainer(threads: Int) throws -> ClassTrainer {
        try ClassTrainer(
          recipe: recipe, network: start, descriptors: rows, labels: training.labels,
          classCount: 4, seed: 5, threadCount: threads)
      }
      var whole = try trainer(threads: 1)
      let first = try whole.advance().loss
      var last = first
      while !whole.isFinished { last = try whole.advance().loss }
      let accuracy = whole.accuracy(testRows, labels: test.labels)
      #expect(last < first && accuracy > 0.5, "\(first) to \(last), \(accuracy) right")

      var interrupted = try trainer(threads: 2)
      for _ in 0..<17 { _ = try interrupted.advance() }
      try interrupted.write(to: folder + "/checkpoint")
      var resumed = try trainer(threads: 1)
      try resumed.restore(from: folder + "/checkpoint")
      while !resumed.isFinished { _ = try resumed.advance() }
      let (a, b) = (whole.network.tensors(), resumed.network.tensors())
      #expect(zip(a, b).allSatisfy { $0.name == $1.name && $0.tensor == $1.tensor })
      #expect(
        zip(whole.classifierTensors, resumed.classifierTensors).allSatisfy {
          $0.tensor == $1.tensor
        })
    }
  }

  /// What was trained can be written, read, used and tuned, and the class is in the bits: a reader
  /// that has only codes and `fc8` comes to the same answers.
  @Test(arguments: FeatureDescription.Pooling.allCases)
  func theClassIsInTheBits(_ pooling: FeatureDescription.Pooling) throws {
    try withTemporaryFolder { folder in
      try Self.draw(12, seed: 1, in: folder + "/set")
      let part = try FeatureTests.part(seed: 4)
      let classes = try PictureClasses(folder: folder + "/set")
      let rows = try Self.table(classes, part, pooling, folder + "/a")
      var trainer = try ClassTrainer(
        recipe: ClassTrainingRecipe(batchCount: 24, binarizer: .stochastic, stepCount: 30),
        network: Self.network(rows, part, pooling), descriptors: rows, labels: classes.labels,
        classCount: 4, seed: 5, threadCount: 2)
      while !trainer.isFinished { _ = try trainer.advance() }
      try trainer.network.write(to: folder + "/n", extras: trainer.classifierTensors)
      let network = try FeatureNetwork(path: folder + "/n")
      let file = try SafetensorsFile(path: folder + "/n")
      let (weight, bias) = try (file.tensor("fc8.weight"), file.tensor("fc8.bias"))
      var hits = 0
      for (path, label) in zip(classes.paths, classes.labels) {
        let code = network.encode(try PictureReader.read(path: path))
        let bits: [Float] = code.withUnsafeBytes { bytes in
          (0..<FeatureCode.bitCount).map { bytes[$0 / 8] >> UInt8(7 - $0 % 8) & 1 == 1 ? 1 : -1 }
        }
        let answers = (0..<4).map { number in
          bits.indices.reduce(bias.values[number]) {
            $0 + bits[$1] * weight.values[number * bits.count + $1]
          }
        }
        hits += answers.indices.max { answers[$0] < answers[$1] } == label ? 1 : 0
      }
      let told = trainer.accuracy(rows, labels: classes.labels)
      // A sum that is next to 0 may turn a bit, and a bit an answer, of 48.
      #expect(abs(told - Double(hits) / 48) < 0.05, "\(told), \(hits) of 48")

      let set = try FeatureTests.described(
        20, seed: 6, in: folder + "/groups", part: part, pooling: pooling
      ).described
      var tuner = try FineTuningTrainer(
        recipe: FineTuningRecipe(groupCount: 8, stepCount: 4),
        network: network.balanced(over: set), set: set, seed: 7, threadCount: 2)
      while !tuner.isFinished { _ = try tuner.advance() }
      let score = set.scores(tuner.network, queries: [0, 1, 2], threadCount: 1).features.score
      #expect((1...4).contains(score))
    }
  }

  @Test func descriptorsAreComputedOnce() throws {
    try withTemporaryFolder { folder in
      try Self.draw(80, seed: 1, in: folder + "/set")
      let part = try FeatureTests.part(seed: 4)
      let classes = try PictureClasses(folder: folder + "/set")
      var seen: [Int] = []
      // Stopped after a block, it goes on behind it.
      struct Stopped: Error {}
      #expect(throws: Stopped.self) {
        try Self.table(classes, part, .flat, folder + "/t") { done in
          seen.append(done)
          if done > 0 { throw Stopped() }
        }
      }
      _ = try Self.table(classes, part, .flat, folder + "/t") { seen.append($0) }
      _ = try Self.table(classes, part, .flat, folder + "/t") { seen.append($0) }
      #expect(seen == [0, 256, 256, 320, 320])
      // Other convolutions, or a picture that was written anew: all of it again.
      seen = []
      let other = try FeatureTests.part(seed: 5)
      _ = try Self.table(classes, other, .flat, folder + "/t") { seen.append($0) }
      try Picture(width: 4, height: 4, red: 1, green: 2, blue: 3).writePNG(to: classes.paths[7])
      _ = try Self.table(classes, other, .flat, folder + "/t") { seen.append($0) }
      #expect(seen == [0, 256, 320, 0, 256, 320])
      let error = #expect(throws: CodingError.self) {
        try Self.table(classes, part, .flat, folder + "/u", byteCountMax: 1_000_000)
      }
      #expect(error?.message.contains("320 × 4096 bytes, above the bound of 1000000") == true)
      #expect(!FileManager.default.fileExists(atPath: folder + "/u"))
      // Bytes that are no table are not taken for one.
      try Data(repeating: 7, count: 5_000).write(to: URL(filePath: folder + "/t"))
      seen = []
      _ = try Self.table(classes, part, .pyramid, folder + "/t") { seen.append($0) }
      #expect(seen.first == 0)
    }
  }

  @Test func foldersThatAreNoClassesAreRefused() throws {
    try withTemporaryFolder { folder in
      func refused(_ words: String, _ names: [String]? = nil) {
        let error = #expect(throws: CodingError.self) {
          try PictureClasses(folder: folder + "/set", names: names)
        }
        let text = error?.description ?? ""
        #expect(text.contains(words) && !text.contains("\n"), "\(text)")
      }
      refused("there is no such file or folder")
      try Self.draw(2, seed: 1, in: folder + "/set")
      let classes = try PictureClasses(folder: folder + "/set")
      #expect(classes.names == ["class-0", "class-1", "class-2", "class-3"])
      #expect(classes.labels == [0, 0, 1, 1, 2, 2, 3, 3])
      refused("class-0': is a class that the pictures to train on do not have", ["a", "b"])
      let files = FileManager.default
      try files.createDirectory(atPath: folder + "/set/empty", withIntermediateDirectories: false)
      refused("empty': is a class without a PNG or JPEG file")
      try files.removeItem(atPath: folder + "/set/empty")
      try files.copyItem(atPath: classes.paths[0], toPath: folder + "/set/stray.png")
      refused("stray.png': is of no class")
      try files.removeItem(atPath: folder + "/set/stray.png")
      for number in 1..<4 { try files.removeItem(atPath: folder + "/set/class-\(number)") }
      refused("has one class, where 2 to 65536")
      try files.removeItem(atPath: folder + "/set/class-0")
      refused("there is no PNG or JPEG file below it")
      try Data([1]).write(to: URL(filePath: folder + "/file"))
      #expect(throws: CodingError.self) { try PictureClasses(folder: folder + "/file") }
    }
  }

  @Test func recipesThatCannotBeFollowedAreRefused() throws {
    try withTemporaryFolder { folder in
      try Self.draw(8, seed: 1, in: folder + "/set")
      let part = try FeatureTests.part(seed: 4)
      let classes = try PictureClasses(folder: folder + "/set")
      let rows = try Self.table(classes, part, .flat, folder + "/t")
      let network = try Self.network(rows, part, .flat)
      for recipe in [
        ClassTrainingRecipe(batchCount: 33, stepCount: 1),
        ClassTrainingRecipe(batchCount: 0, stepCount: 1),
        ClassTrainingRecipe(batchCount: 4, dropout: 1, stepCount: 1),
        ClassTrainingRecipe(batchCount: 4, stepCount: 0),
      ] {
        #expect(throws: CodingError.self) {
          try ClassTrainer(
            recipe: recipe, network: network, descriptors: rows, labels: classes.labels,
            classCount: 4, seed: 1, threadCount: 1)
        }
      }
      // A picture that cannot be read is named.
      try Data("no picture".utf8).write(to: URL(filePath: classes.paths[3]))
      let error = #expect(throws: ImagesError.self) {
        try Self.table(classes, part, .flat, folder + "/u")
      }
      #expect(error?.path == classes.paths[3])
    }
  }
}
