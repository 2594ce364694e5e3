import Foundation
import Testing
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintImages
import ThumbprintNets

@Suite struct CodecTests {
  static let small = CodecSpec(outerChannels: 6, innerChannels: 8)

  private func recipe(_ steps: Int, joint: Int) -> CodecRecipe {
    .sequence(
      spec: Self.small, stageStepCount: steps, jointStepCount: joint, batchCount: 8,
      sliceImageCount: 3)
  }

  private func trained(
    _ recipe: CodecRecipe, _ pictures: Thumbnails, seed: UInt64 = 1, threadCount: Int = 2
  ) throws -> Codec {
    var trainer = try CodecTrainer(
      recipe: recipe, pictures: pictures, seed: seed, threadCount: threadCount)
    while !trainer.isFinished { _ = try trainer.advance() }
    return trainer.codec
  }

  @Test func trainingTeachesEveryStage() throws {
    let codec = try trained(recipe(120, joint: 40), thumbnails(64, seed: 1))
    let untrained = try Codec(Self.small, seed: 1)
    let test = thumbnails(40, seed: 2)
    let before = try untrained.evaluate(test)
    let after = try codec.evaluate(test, threadCount: 2)
    #expect(after.rows.map(\.byteCount) == [16, 32, 48, 64])
    #expect(after.psnr > before.psnr + 6, "\(before.psnr) \(after.psnr)")
    for (coarse, fine) in zip(after.rows, after.rows.dropFirst()) {
      #expect(fine.meanPSNR > coarse.meanPSNR, "\(after)")
    }
    #expect(after.meanBitEntropy > 0.2 && after.meanBitEntropy <= 1)
  }

  @Test func codesDoNotDependOnThreadsOrBatches() throws {
    let codec = try trained(recipe(10, joint: 4), thumbnails(32, seed: 3))
    let pictures = thumbnails(37, seed: 4)
    let codes = codec.encode(pictures)
    #expect(codec.encode(pictures, threadCount: 3) == codes)
    #expect((0..<37).map { codec.encode(pictures[$0]) } == codes)
    let decoded = codec.decode(codes)
    let threaded = codec.decode(codes, threadCount: 3)
    for i in 0..<37 {
      #expect(threaded[i] == decoded[i])
      #expect(codec.decode(codes[i]) == decoded[i])
    }
    #expect(codec.encode(Thumbnails()).isEmpty)
    #expect(codec.decode([]).count == 0)
  }

  @Test func searchFindsBetterBits() throws {
    let codec = try trained(recipe(60, joint: 20), thumbnails(64, seed: 1))
    let pictures = thumbnails(24, seed: 2)
    let search = CodeSearch(codec)
    let plain = try codec.evaluate(pictures)
    let better = try codec.evaluate(pictures, search: search)
    for (before, after) in zip(plain.rows, better.rows) {
      #expect(after.meanPSNR > before.meanPSNR + 0.05, "\(before) \(after)")
    }
    let codes = codec.encode(pictures, search: search)
    #expect(codec.encode(pictures, search: search, threadCount: 3) == codes)
    #expect(codec.encode(pictures[5], search: search) == codes[5])
  }

  /// A prefix decodes to what the whole code would show if the rest said nothing.
  @Test func prefixesUseTheirBytesAlone() throws {
    let codec = try trained(recipe(10, joint: 0), thumbnails(32, seed: 3))
    let code = codec.encode(thumbnails(1, seed: 9)[0])
    for byteCount in [16, 32, 48] {
      var changed = code
      for bit in 8 * byteCount..<512 { changed[bit].toggle() }
      #expect(
        codec.decode(changed, byteCount: byteCount) == codec.decode(code, byteCount: byteCount))
      #expect(codec.decode(changed) != codec.decode(code))
    }
  }

  @Test func trainingIsAFunctionOfTheSeed() throws {
    let pictures = thumbnails(20, seed: 5)
    let (recipe, test) = (recipe(6, joint: 5), thumbnails(16, seed: 6))
    let codes = try trained(recipe, pictures, threadCount: 1).encode(test)
    #expect(try trained(recipe, pictures, threadCount: 3).encode(test) == codes)
    #expect(try trained(recipe, pictures, seed: 2).encode(test) != codes)
  }

  @Test func aRunStoppedThreeTimesEndsWithTheSameFile() throws {
    let pictures = thumbnails(20, seed: 5)
    let recipe = recipe(6, joint: 5)
    try withTemporaryFolder { folder in
      func model(_ codec: Codec) throws -> Data {
        try codec.write(to: folder + "/model")
        return try Data(contentsOf: URL(fileURLWithPath: folder + "/model"))
      }
      let whole = try model(trained(recipe, pictures))
      let path = folder + "/checkpoint"
      for (number, stop) in [4, 12, 26, 29].enumerated() {
        var trainer = try CodecTrainer(
          recipe: recipe, pictures: pictures, seed: 1, threadCount: 1 + number % 2)
        if number > 0 { try trainer.restore(from: path) }
        while trainer.step < stop { _ = try trainer.advance() }
        try trainer.write(to: path)
        if trainer.isFinished { #expect(try model(trainer.codec) == whole) }
      }
      var other = try CodecTrainer(
        recipe: recipe, pictures: pictures, seed: 2, threadCount: 1)
      let error = try #require(throws: NetsError.self) { try other.restore(from: path) }
      #expect(error.code == .mismatch)
    }
  }

  @Test func whatIsWrittenIsRead() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/codec.safetensors"
      let codec = try trained(recipe(3, joint: 0), thumbnails(8, seed: 1))
      try codec.write(to: path, notes: ["recipe": "test"])
      let pictures = thumbnails(20, seed: 2)
      let read = try Codec(path: path)
      #expect(read.spec == codec.spec)
      #expect(read.encode(pictures) == codec.encode(pictures))

      let file = try SafetensorsFile(path: path)
      #expect(file.metadata["recipe"] == "test")
      let tensors = try file.entries.map { ($0.name, try file.tensor($0.name)) }
      func refusal(
        _ tensors: [(String, Tensor)], _ metadata: [String: String]
      ) throws -> String {
        try SafetensorsWriter.write(tensors, metadata: metadata, to: path)
        var message = ""
        do { _ = try Codec(path: path) } catch { message = "\(error)" }
        #expect(message.contains(path) && !message.contains("\n"))
        return message
      }
      let metadata = file.metadata
      #expect(try refusal(tensors, [:]).contains("not a codec"))
      #expect(
        try refusal(tensors, metadata.merging(["inner_channels": "0"]) { $1 })
          .contains("channels"))
      #expect(
        try refusal(tensors, metadata.merging(["inner_channels": "9"]) { $1 })
          .contains("shape"))
      #expect(
        try refusal(tensors.filter { $0.0 != "stage3.decoder.deconv3.bias" }, metadata)
          .contains("'stage3.decoder.deconv3.bias'"))
      let flat = tensors.map { name, tensor in
        name == "stage2.scale" ? (name, Tensor(shape: [1])) : (name, tensor)
      }
      #expect(try refusal(flat, metadata).contains("scale of stage 2"))
    }
  }

  @Test func impossibleRecipesAreRefused() throws {
    let good = recipe(5, joint: 0)
    let schedule = good.phases[0].schedule
    func expectRefused(
      _ recipe: CodecRecipe, _ reason: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
      do {
        _ = try CodecTrainer(
          recipe: recipe, pictures: thumbnails(1, seed: 1), seed: 1, threadCount: 1)
        Issue.record("was not refused", sourceLocation: sourceLocation)
      } catch {
        #expect("\(error)".contains(reason), "\(error)", sourceLocation: sourceLocation)
      }
    }
    func with(
      spec: CodecSpec = Self.small, batch: Int = 4, slice: Int = 2,
      phases: [CodecRecipe.Phase]
    ) -> CodecRecipe {
      CodecRecipe(spec: spec, batchCount: batch, sliceImageCount: slice, phases: phases)
    }
    expectRefused(with(batch: 0, phases: good.phases), "batch of 0")
    expectRefused(with(slice: 5, phases: good.phases), "slices of 5")
    expectRefused(with(phases: []), "1 to 64 phases")
    expectRefused(
      with(phases: [.init(stages: 0...4, lossWeights: [1], schedule: schedule)]), "0...3")
    expectRefused(
      with(phases: [.init(stages: 0...1, lossWeights: [1], schedule: schedule)]), "loss weight")
    expectRefused(
      with(spec: CodecSpec(outerChannels: -1), phases: good.phases), "channels")
    let error = try #require(throws: CodingError.self) {
      try CodecTrainer(recipe: good, pictures: Thumbnails(), seed: 1, threadCount: 1)
    }
    #expect(error.code == .noPictures)
  }

  @Test func aDivergingRunSaysSo() throws {
    let schedule = LearningRateSchedule(
      peak: 1, final: 1, warmUpStepCount: 0, stepCount: 100_000)
    let recipe = CodecRecipe(
      spec: Self.small, batchCount: 2, sliceImageCount: 2,
      phases: [.init(stages: 0...0, lossWeights: [.greatestFiniteMagnitude], schedule: schedule)])
    var trainer = try CodecTrainer(
      recipe: recipe, pictures: thumbnails(4, seed: 1), seed: 1, threadCount: 1)
    let error = try #require(throws: CodingError.self) {
      for _ in 0..<10 { _ = try trainer.advance() }
    }
    #expect(error.code == .diverged && error.message.contains("learning rate"))
  }
}
