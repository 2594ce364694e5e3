import Testing
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintImages
import ThumbprintNets

@Suite struct PrincipalTests {
  private static let normal: [Float] = {
    var random = NetRandom(7)
    return (0..<20_000).map { _ in random.normal() }
  }()

  @Test func lloydAndMaxFindTheLevelsOfAUniformDistribution() {
    let samples = (0..<8_000).map { Float($0) / 8_000 }
    let quantizer = LloydMax(sorted: samples, levelCount: 4)
    for (level, expected) in zip(quantizer.levels, [0.125, 0.375, 0.625, 0.875] as [Float]) {
      #expect(abs(level - expected) < 0.01)
    }
    #expect(abs(quantizer.distortion - 1.0 / 192) < 1e-4)
    let normal = LloydMax(sorted: Self.normal.sorted(), levelCount: 8)
    #expect(abs(normal.distortion - 0.03454) < 0.002)
  }

  @Test func directionsAreOrthogonalAndDescend() throws {
    let basis = try PrincipalBasis(thumbnails(60, seed: 1), count: 20)
    #expect(basis.variances == basis.variances.sorted(by: >))
    for i in 0..<20 {
      for j in 0...i {
        let product = (0..<3_072).reduce(Float(0)) {
          $0 + basis.vectors[i * 3_072 + $1] * basis.vectors[j * 3_072 + $1]
        }
        let expected: Float = i == j ? 1 : 0
        #expect(abs(product - expected) < 1e-3, "\(i) \(j) \(product)")
      }
    }
    #expect(throws: CodingError.self) { try PrincipalBasis(Thumbnails(), count: 3) }
  }

  @Test func theBaselineSpendsItsBitsAndUsesThem() throws {
    let pictures = thumbnails(80, seed: 1)
    let basis = try PrincipalBasis(pictures, count: 60)
    let baseline = PrincipalQuantizer(pictures, basis: basis, threadCount: 2)
    #expect(baseline.allocate(bitCount: 128).reduce(0, +) == 128)
    var last = 0.0
    for byteCount in [16, 32, 48] {
      let shown = baseline.reconstruct(pictures, byteCount: byteCount)
      let psnr = (0..<80).reduce(0) { $0 + PictureQuality.psnr(pictures[$1], shown[$1]) } / 80
      #expect(psnr > last, "\(byteCount) bytes")
      last = psnr
    }
    #expect(last > 22)
  }

  /// A recipe whose decoders hardly move: what is tested is the start.
  private static func recipe(_ steps: Int, joint: Int) -> CodecRecipe {
    .principal(
      spec: CodecSpec(
        outerChannels: 72, innerChannels: 72, encoderOuterChannels: 64, encoderInnerChannels: 260,
        bottleneck: .whole),
      stageStepCount: steps, jointStepCount: joint, batchCount: 8, sliceImageCount: 4)
  }

  private static func trained(_ recipe: CodecRecipe, _ pictures: Thumbnails) throws -> Codec {
    var trainer = try CodecTrainer(recipe: recipe, pictures: pictures, seed: 1, threadCount: 2)
    while !trainer.isFinished { _ = try trainer.advance() }
    return trainer.codec
  }

  /// Pictures with waves of every length, so that many directions matter.
  private static func waves(_ count: Int) -> Thumbnails {
    var pictures = Thumbnails()
    for image in 0..<count {
      var random = NetRandom(5, UInt64(image))
      var samples = [Float](repeating: 0, count: 3_072)
      for wave in 1...24 {
        let (a, b) = (random.normal(), random.normal())
        let x = Float(wave % 5)
        let y = Float(wave / 5)
        for i in 0..<3_072 {
          let column = Float(i % 32)
          let row = Float(i % 1_024 / 32)
          let place: Float = (x * column + y * row) / 5
          let phase: Float = place.truncatingRemainder(dividingBy: 2) - 1
          let loudness = Float(1 + (i / 1_024 + wave) % 3)
          let span: Float = 2 + x + y
          let tone: Float = loudness / span
          let height: Float = a * (1 - phase.magnitude) + b / 9
          samples[i] += tone * height
        }
      }
      let pixels: [UInt8] = (0..<3_072).map { i in
        let noise: Float = 40 * random.unit() - 20
        let value: Float = 128 + 40 * samples[i % 3 * 1_024 + i / 3] + noise
        return UInt8(min(255, max(0, value)))
      }
      pictures.append(Picture(width: 32, height: 32, pixels: pixels))
    }
    return pictures
  }

  /// The regression that this holds: bits that changed at places a rounding error apart put a far
  /// cell between two near ones, and cost a quarter of a decibel.
  @Test func stagesStartAsQuantizersOfPrincipalComponents() throws {
    let pictures = Self.waves(300)
    let spec = CodecSpec(
      outerChannels: 140, innerChannels: 800, encoderOuterChannels: 128,
      encoderInnerChannels: 1_300, bottleneck: .whole)
    // Steps that change nothing.
    let recipe = CodecRecipe(
      spec: spec, batchCount: 4, sliceImageCount: 4, start: .principal,
      phases: (0...3).map {
        CodecRecipe.Phase(
          stages: $0...$0, lossWeights: [1],
          schedule: LearningRateSchedule(peak: 0, final: 0, warmUpStepCount: 0, stepCount: 1),
          encoderRateShare: 0)
      })
    let basis = try PrincipalBasis(pictures, count: 250)
    let quantizer = PrincipalQuantizer(pictures, basis: basis, threadCount: 2)
    let plan = PrincipalPlan(spec, quantizer)
    let directions = plan.stages.flatMap { $0.map(\.direction) }
    #expect(Set(directions).count == directions.count)
    for stage in plan.stages { #expect(stage.reduce(0) { $0 + $1.bitCount } <= 128) }
    try withTemporaryFolder { folder in
      let codec = try Self.trained(recipe, pictures)
      try codec.write(to: folder + "/halves", halves: true)
      for codec in [codec, try Codec(path: folder + "/halves")] {
        let start = try codec.evaluate(pictures)
        let shown = quantizer.reconstruct(pictures, byteCount: 64)
        let psnr = (0..<300).reduce(0) { $0 + PictureQuality.psnr(pictures[$1], shown[$1]) } / 300
        #expect(start.psnr > psnr - 1, "\(start) against \(psnr)")
        for (coarse, fine) in zip(start.rows, start.rows.dropFirst()) {
          #expect(fine.meanPSNR > coarse.meanPSNR)
        }
      }
    }
  }

  @Test func decodersLearnAndEncodersStay() throws {
    let pictures = thumbnails(120, seed: 1)
    let start = try Self.trained(Self.recipe(1, joint: 1), pictures)
    let learned = try Self.trained(Self.recipe(10, joint: 20), pictures)
    let (before, after) = (start.encode(pictures), learned.encode(pictures))
    for (a, b) in zip(before, after) {
      // Further stages see other residuals.
      for bit in 0..<CodecSpec.stageBitCount { #expect(a[bit] == b[bit]) }
    }
    let shown = [start, learned].map { $0.decode(before, byteCount: 16) }
    #expect((0..<120).contains { shown[0][$0] != shown[1][$0] })
  }

  @Test func runsFromPrincipalComponentsResumeToTheSameBits() throws {
    let pictures = thumbnails(40, seed: 1)
    let recipe = Self.recipe(3, joint: 3)
    let whole = try Self.trained(recipe, pictures)
    try withTemporaryFolder { folder in
      var trainer = try CodecTrainer(recipe: recipe, pictures: pictures, seed: 1, threadCount: 1)
      while !trainer.isFinished {
        _ = try trainer.advance()
        // A new process, after every step.
        try trainer.write(to: folder + "/checkpoint")
        trainer = try CodecTrainer(
          recipe: recipe, pictures: pictures, seed: 1, threadCount: 1 + trainer.step % 3)
        try trainer.restore(from: folder + "/checkpoint")
      }
      #expect(
        try Model(codec: trainer.codec, features: nil).identity
          == Model(codec: whole, features: nil).identity)
    }
  }

  @Test func gridsCannotStartFromPrincipalComponents() throws {
    let recipe = CodecRecipe.sequence(stageStepCount: 1, jointStepCount: 0, start: .principal)
    let error = #expect(throws: CodingError.self) {
      try CodecTrainer(recipe: recipe, pictures: thumbnails(8, seed: 1), seed: 1, threadCount: 1)
    }
    #expect(error?.code == .invalidRecipe)
  }
}
