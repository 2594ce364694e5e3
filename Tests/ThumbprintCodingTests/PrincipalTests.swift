import Testing
import ThumbprintCoding
import ThumbprintImages
import ThumbprintNets

@Suite struct PrincipalTests {
  private static let normal: [Float] = {
    var random = NetRandom(7)
    return (0..<20_000).map { _ in random.normal() }
  }()

  @Test func successiveQuantizersComeNearTheBestOfANormalDistribution() {
    // The least possible distortions, after Max (1960): 0.3634, 0.1175, 0.03454.
    for (bitCount, bound) in [(1, 0.38), (2, 0.13), (3, 0.045)] {
      let quantizer = SuccessiveQuantizer(Self.normal, bitCount: bitCount)
      #expect(quantizer.distortion < bound && quantizer.distortion > 0.9 * bound - 0.02)
      #expect(quantizer.steps == quantizer.steps.sorted(by: >))
    }
  }

  @Test func crossingsAreWhereABitChanges() {
    let quantizer = SuccessiveQuantizer(Self.normal, bitCount: 3)
    let (a, b) = (quantizer.steps[0], quantizer.steps[1])
    #expect(quantizer.crossings(ofBit: 0) == [0])
    #expect(quantizer.crossings(ofBit: 1) == [-a, 0, a])
    #expect(quantizer.crossings(ofBit: 2) == [-a - b, -a, -a + b, 0, a - b, a, a + b])
  }

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

  @Test func aStageStartsAsAQuantizerOfPrincipalComponents() throws {
    let pictures = thumbnails(120, seed: 1)
    let start = try Self.trained(Self.recipe(1, joint: 1), pictures).evaluate(pictures)
    let random = try Codec(Self.recipe(1, joint: 1).spec, seed: 1).evaluate(pictures)
    // The components of these pictures get three bits from each stage, which makes their error
    // eight times smaller or more, until what has no component is left.
    for (row, bound) in zip(start.rows, [21.0, 27, 30, 30.5]) {
      #expect(row.meanPSNR > bound, "\(start)")
    }
    #expect(start.psnr > random.psnr + 15)
  }

  @Test func decodersLearnOnFromTheStart() throws {
    let pictures = thumbnails(120, seed: 1)
    let start = try Self.trained(Self.recipe(1, joint: 1), pictures)
    let learned = try Self.trained(Self.recipe(20, joint: 60), pictures)
    #expect(try learned.evaluate(pictures).psnr > start.evaluate(pictures).psnr + 0.1)
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
