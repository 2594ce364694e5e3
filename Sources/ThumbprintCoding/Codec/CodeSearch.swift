import ThumbprintNets

/// What an encoder needs to look for bits that decode better than the signs of its networks'
/// answers. It changes no rule of decoding.
///
/// Making one takes some tenths of a second; make it once per codec.
///
/// The picture of a code is a sum over stages, so that bits of all stages can be chosen against the
/// final error. A backward pass through a stage's decoder gives the slope of the error in each of
/// its bits; the decoder's mean response to single flips, over random codes, gives the curvature.
/// Flips that lower this quadratic model most are chosen one after another; the first 1, 2, 4 and 8
/// of them are tried, decoded exactly, and the best trial is kept if it lowers the error.
public struct CodeSearch: Sendable {
  /// Times that each stage is searched on its own, and times that all are searched together, unless
  /// nothing improves any more.
  public let roundCount: Int

  let stages: [Codec.Stage]
  /// For each stage the inner products of its bits' responses, `128 × 128`.
  let products: [[Float]]

  /// - Parameter roundCount: `1...64`; more than four rarely find more.
  public init(_ codec: Codec, roundCount: Int = 2) {
    precondition((1...64).contains(roundCount), "no search of \(roundCount) rounds")
    self.roundCount = roundCount
    stages = codec.stages
    let workspace = Workspace(
      codec.stages[0].decoder.plan, imageCountMax: CodecSpec.stageBitCount + 1, isTraining: false)
    products = codec.stages.enumerated().map { number, stage in
      Self.products(of: stage, number, workspace)
    }
  }

  /// Random codes over which responses are averaged.
  private static let sampleCodeCount = 8

  /// The inner products of the mean changes of a stage's picture when a bit goes from 0 to 1/2 up.
  private static func products(
    of stage: Codec.Stage, _ number: Int, _ workspace: Workspace
  ) -> [Float] {
    let bitCount = CodecSpec.stageBitCount
    let bitPlane = stage.decoder.plan.spec.input.planeCount
    let sampleCount = CodecSpec.picture.count
    let plane = CodecSpec.picture.planeCount
    let batch = bitCount + 1
    var responses = [Float](repeating: 0, count: bitCount * sampleCount)
    for code in 0..<sampleCodeCount {
      var random = NetRandom(5, UInt64(number), UInt64(code))
      let bits = (0..<bitCount).map { _ in random.next() & 1 == 1 ? Float(1) : -1 }
      // Image 0 is the code itself, image i + 1 has bit i flipped.
      for bit in bits.indices {
        let start = bit / bitPlane * batch * bitPlane + bit % bitPlane
        for image in 0..<batch {
          workspace.input[start + image * bitPlane] = image == bit + 1 ? -bits[bit] : bits[bit]
        }
      }
      workspace.forward(stage.decoder, imageCount: batch)
      for channel in 0..<CodecSpec.picture.channels {
        let original = workspace.output + channel * batch * plane
        for bit in bits.indices {
          let flipped = original + (bit + 1) * plane
          let share = stage.scale * -bits[bit] / Float(2 * sampleCodeCount)
          let target = bit * sampleCount + channel * plane
          for i in 0..<plane { responses[target + i] += share * (flipped[i] - original[i]) }
        }
      }
    }
    var products = [Float](repeating: 0, count: bitCount * bitCount)
    BLAS.multiply(
      bitCount, bitCount, sampleCount, responses, lda: sampleCount, responses, ldb: sampleCount,
      bIsTransposed: true, beta: 0, &products, ldc: bitCount)
    return products
  }
}

/// One worker's memory for searching, one picture at a time.
final class CodeSearcher {
  /// Bits flipped together in the trials.
  static let trialBitCounts = [1, 2, 4, 8]
  /// The weights of the stages' squared residuals in the error: mostly that of the whole code, and
  /// some of the others so that prefixes stay good.
  static let stageWeights: [Float] = [0.05, 0.1, 0.15, 1]

  private let stages: [Codec.Stage]
  private let products: [[Float]]
  private let roundCount: Int
  private let encoder: Workspace
  private let slopes: Workspace
  private let trials: Workspace
  /// `residuals[k]` is what is left before stage `k`.
  private var residuals: [[Float]]
  private var outputs: [[Float]]
  private var bits: [[Float]]
  /// The stage whose bits, as they are now, went through ``slopes`` last.
  private var decodedStage: Int?

  private static let sampleCount = CodecSpec.picture.count

  init(_ search: CodeSearch) {
    stages = search.stages
    products = search.products
    roundCount = search.roundCount
    encoder = Workspace(search.stages[0].encoder.plan, imageCountMax: 1, isTraining: false)
    let plan = search.stages[0].decoder.plan
    slopes = Workspace(plan, imageCountMax: 1, isTraining: true)
    trials = Workspace(plan, imageCountMax: Self.trialBitCounts.count, isTraining: false)
    residuals = Array(
      repeating: [Float](repeating: 0, count: Self.sampleCount), count: stages.count + 1)
    outputs = Array(
      repeating: [Float](repeating: 0, count: Self.sampleCount), count: stages.count)
    bits = Array(
      repeating: [Float](repeating: 0, count: CodecSpec.stageBitCount), count: stages.count)
  }

  /// The code of a picture of 3×32×32 samples over −1...1: 512 bits as ±1.
  ///
  /// First stage by stage, each choosing its bits against what it leaves itself, so that the next
  /// stage's encoder sees a better residual; then all stages against the final error.
  func code(_ picture: UnsafePointer<Float>) -> [Float] {
    for i in 0..<Self.sampleCount { residuals[0][i] = picture[i] }
    for number in stages.indices {
      let inverse = 1 / stages[number].scale
      for i in 0..<Self.sampleCount { encoder.input[i] = residuals[number][i] * inverse }
      encoder.forward(stages[number].encoder, imageCount: 1)
      for bit in bits[number].indices { bits[number][bit] = encoder.output[bit] }
      decode(number)
      updateResiduals(number...number)
      var round = 0
      while round < roundCount, improve(number, upTo: number) { round += 1 }
    }
    for _ in 0..<roundCount {
      var isImproved = false
      for number in stages.indices where improve(number, upTo: stages.count - 1) {
        isImproved = true
      }
      if !isImproved { break }
    }
    return bits.flatMap(\.self)
  }

  /// Decodes a stage's bits, keeping what a backward pass needs.
  private func decode(_ number: Int) {
    decodedStage = number
    for i in bits[number].indices { slopes.input[i] = bits[number][i] }
    slopes.forward(stages[number].decoder, imageCount: 1)
    for i in 0..<Self.sampleCount { outputs[number][i] = stages[number].scale * slopes.output[i] }
  }

  private func updateResiduals(_ range: ClosedRange<Int>) {
    for stage in range {
      for i in 0..<Self.sampleCount {
        residuals[stage + 1][i] = residuals[stage][i] - outputs[stage][i]
      }
    }
  }

  /// Tries to flip bits of one stage against the residuals that the stages up to `last` leave;
  /// whether it kept a trial.
  private func improve(_ number: Int, upTo last: Int) -> Bool {
    let target = target(of: number, upTo: last)
    let candidates = candidates(of: number, target: target)
    guard !candidates.isEmpty else { return false }
    let counts = Self.trialBitCounts
    let bitPlane = stages[number].decoder.plan.spec.input.planeCount
    for (trial, count) in counts.enumerated() {
      var changed = bits[number]
      for bit in candidates.prefix(count) { changed[bit] = -changed[bit] }
      for bit in changed.indices {
        let place = (bit / bitPlane * counts.count + trial) * bitPlane + bit % bitPlane
        trials.input[place] = changed[bit]
      }
    }
    trials.forward(stages[number].decoder, imageCount: counts.count)
    let errors = counts.indices.map { trial in
      squaredError(target, scale: stages[number].scale) { channel in
        UnsafePointer(trials.output)
          + (channel * counts.count + trial) * CodecSpec.picture.planeCount
      }
    }
    let current = outputs[number].withUnsafeBufferPointer { output in
      squaredError(target, scale: 1) { channel in
        output.baseAddress! + channel * CodecSpec.picture.planeCount
      }
    }
    guard let best = errors.indices.min(by: { errors[$0] < errors[$1] }),
      errors[best] < current
    else { return false }
    for bit in candidates.prefix(counts[best]) { bits[number][bit] = -bits[number][bit] }
    decode(number)
    updateResiduals(number...last)
    return true
  }

  /// What a stage should decode to: up to a constant, the error is the squared distance to it.
  private func target(of number: Int, upTo last: Int) -> [Float] {
    let weights = Self.stageWeights[number...last]
    let total = weights.reduce(0, +)
    var target = outputs[number]
    for (offset, weight) in weights.enumerated() {
      let share = weight / total
      let residual = residuals[number + offset + 1]
      for i in 0..<Self.sampleCount { target[i] += share * residual[i] }
    }
    return target
  }

  private func squaredError(
    _ target: [Float], scale: Float, _ plane: (Int) -> UnsafePointer<Float>
  ) -> Float {
    let planeCount = CodecSpec.picture.planeCount
    var sum: Float = 0
    target.withUnsafeBufferPointer { target in
      for channel in 0..<CodecSpec.picture.channels {
        let output = plane(channel)
        var lanes = SIMD8<Float>.zero
        let goal = target.baseAddress! + channel * planeCount
        for i in stride(from: 0, to: planeCount, by: 8) {
          let a = UnsafeRawPointer(goal + i).loadUnaligned(as: SIMD8<Float>.self)
          let b = UnsafeRawPointer(output + i).loadUnaligned(as: SIMD8<Float>.self)
          let difference = a - scale * b
          lanes += difference * difference
        }
        sum += lanes.sum()
      }
    }
    return sum
  }

  /// The bits of a stage whose flips lower the model of the error most, in the order in which they
  /// do; fewer than the largest trial if no more do.
  private func candidates(of number: Int, target: [Float]) -> [Int] {
    let stage = stages[number]
    if decodedStage != number { decode(number) }
    for i in 0..<Self.sampleCount {
      slopes.outputGradient[i] = 2 * stage.scale * (outputs[number][i] - target[i])
    }
    guard
      let slope = slopes.backward(
        stage.decoder, wantsInputGradient: true, wantsParameterGradients: false)
    else { return [] }
    let bitCount = CodecSpec.stageBitCount
    var chosen: [Int] = []
    var gradient = (0..<bitCount).map { slope[$0] }
    while chosen.count < Self.trialBitCounts.max()! {
      // Flipping bit i moves it by −2 b, and the model by −2 b · gradient + 4 · product.
      var best: (bit: Int, change: Float)?
      for bit in 0..<bitCount where !chosen.contains(bit) {
        let change =
          -2 * bits[number][bit] * gradient[bit] + 4 * products[number][bit * bitCount + bit]
        if change < best?.change ?? 0 { best = (bit, change) }
      }
      guard let best else { break }
      chosen.append(best.bit)
      let move = -4 * bits[number][best.bit]
      for other in 0..<bitCount {
        gradient[other] += move * products[number][best.bit * bitCount + other]
      }
    }
    return chosen
  }
}
