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

  /// One stage's networks, ready for use.
  struct Stage: Sendable {
    let encoder: InferenceNetwork
    let decoder: DecoderGradient
    let scale: Float
    /// The inner products of the bits' responses, `128 × 128`.
    let products: [Float]
  }

  let stages: [Stage]

  /// - Parameter roundCount: `1...64`; more than four rarely find more.
  public init(_ codec: Codec, roundCount: Int = 2) {
    precondition((1...64).contains(roundCount), "no search of \(roundCount) rounds")
    self.roundCount = roundCount
    stages = codec.prepared.stages.enumerated().map { number, prepared in
      guard let decoder = DecoderGradient(codec.stages[number].decoder) else {
        preconditionFailure("a codec's decoder is made of transposed convolutions")
      }
      return Stage(
        encoder: prepared.encoder, decoder: decoder, scale: prepared.scale,
        products: Self.products(of: decoder, number, scale: prepared.scale))
    }
  }

  /// Random codes over which responses are averaged.
  private static let sampleCodeCount = 8

  /// The inner products of the mean changes of a stage's picture when a bit goes from 0 to 1/2 up.
  private static func products(
    of decoder: DecoderGradient, _ number: Int, scale: Float
  ) -> [Float] {
    let bitCount = CodecSpec.stageBitCount
    let bitPlane = decoder.input.planeCount
    let workspace = DecoderGradientWorkspace(decoder, imageCountMax: bitCount + 1)
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
      workspace.forward(imageCount: batch)
      for channel in 0..<CodecSpec.picture.channels {
        let original = workspace.output + channel * batch * plane
        for bit in bits.indices {
          let flipped = original + (bit + 1) * plane
          let share = scale * -bits[bit] / Float(2 * sampleCodeCount)
          let target = bit * sampleCount + channel * plane
          for i in 0..<plane { responses[target + i] += share * (flipped[i] - original[i]) }
        }
      }
    }
    var products = [Float](repeating: 0, count: bitCount * bitCount)
    responses.withUnsafeBufferPointer { responses in
      guard let base = responses.baseAddress else { return }
      for bit in 0..<bitCount {
        for other in 0...bit {
          let product = Elementwise.dot(
            base + bit * sampleCount, base + other * sampleCount, count: sampleCount)
          products[bit * bitCount + other] = product
          products[other * bitCount + bit] = product
        }
      }
    }
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

  private let stages: [CodeSearch.Stage]
  private let roundCount: Int
  private let encoders: [InferenceWorkspace]
  private let slopes: [DecoderGradientWorkspace]
  private let trials: [DecoderGradientWorkspace]
  private let bitPlane: Int
  /// `residuals[k]` is what is left before stage `k`.
  private let residuals: [Memory]
  /// What each stage's bits decode to.
  private let outputs: [Memory]
  /// What the stage at work should decode to.
  private let target = Memory(count: CodecSpec.picture.count)
  private var bits: [[Float]]
  private static let sampleCount = CodecSpec.picture.count

  init(_ search: CodeSearch) {
    stages = search.stages
    roundCount = search.roundCount
    encoders = stages.map { InferenceWorkspace($0.encoder, imageCountMax: 1) }
    slopes = stages.map { DecoderGradientWorkspace($0.decoder, imageCountMax: 1) }
    trials = stages.map {
      DecoderGradientWorkspace($0.decoder, imageCountMax: Self.trialBitCounts.count)
    }
    bitPlane = stages[0].decoder.input.planeCount
    residuals = (0...stages.count).map { _ in Memory(count: Self.sampleCount) }
    outputs = stages.map { _ in Memory(count: Self.sampleCount) }
    bits = Array(
      repeating: [Float](repeating: 0, count: CodecSpec.stageBitCount), count: stages.count)
  }

  /// The code of a picture of 3×32×32 samples over −1...1: 512 bits as ±1.
  ///
  /// First stage by stage, each choosing its bits against what it leaves itself, so that the next
  /// stage's encoder sees a better residual; then all stages against the final error.
  func code(_ picture: UnsafePointer<Float>) -> [Float] {
    residuals[0].base.update(from: picture, count: Self.sampleCount)
    for number in stages.indices {
      let inverse = 1 / stages[number].scale
      let encoder = encoders[number]
      let (residual, input) = (residuals[number].base, encoder.input)
      for i in 0..<Self.sampleCount { input[i] = residual[i] * inverse }
      encoder.forward(imageCount: 1)
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
    let (decoder, scale) = (slopes[number], stages[number].scale)
    for i in bits[number].indices { decoder.input[i] = bits[number][i] }
    decoder.forward(imageCount: 1)
    let (output, decoded) = (outputs[number].base, decoder.output)
    for i in 0..<Self.sampleCount { output[i] = scale * decoded[i] }
  }

  private func updateResiduals(_ range: ClosedRange<Int>) {
    for stage in range {
      let (before, after) = (residuals[stage].base, residuals[stage + 1].base)
      let output = outputs[stage].base
      for i in 0..<Self.sampleCount { after[i] = before[i] - output[i] }
    }
  }

  /// Tries to flip bits of one stage against the residuals that the stages up to `last` leave;
  /// whether it kept a trial.
  private func improve(_ number: Int, upTo last: Int) -> Bool {
    setTarget(of: number, upTo: last)
    let candidates = candidates(of: number)
    guard !candidates.isEmpty else { return false }
    let counts = Self.trialBitCounts
    let trials = trials[number]
    for (trial, count) in counts.enumerated() {
      var changed = bits[number]
      for bit in candidates.prefix(count) { changed[bit] = -changed[bit] }
      for bit in changed.indices {
        let place = (bit / bitPlane * counts.count + trial) * bitPlane + bit % bitPlane
        trials.input[place] = changed[bit]
      }
    }
    trials.forward(imageCount: counts.count)
    let errors = counts.indices.map { trial in
      squaredError(scale: stages[number].scale) { channel in
        UnsafePointer(trials.output)
          + (channel * counts.count + trial) * CodecSpec.picture.planeCount
      }
    }
    let current = squaredError(scale: 1) { channel in
      UnsafePointer(outputs[number].base) + channel * CodecSpec.picture.planeCount
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
  private func setTarget(of number: Int, upTo last: Int) {
    let weights = Self.stageWeights[number...last]
    let total = weights.reduce(0, +)
    let goal = target.base
    goal.update(from: outputs[number].base, count: Self.sampleCount)
    for (offset, weight) in weights.enumerated() {
      let share = weight / total
      let residual = residuals[number + offset + 1].base
      for i in 0..<Self.sampleCount { goal[i] += share * residual[i] }
    }
  }

  /// The squared distance of ``target`` to `scale` times planes.
  private func squaredError(scale: Float, _ plane: (Int) -> UnsafePointer<Float>) -> Float {
    let planeCount = CodecSpec.picture.planeCount
    var sum: Float = 0
    for channel in 0..<CodecSpec.picture.channels {
      let output = plane(channel)
      var lanes = SIMD8<Float>.zero
      let goal = target.base + channel * planeCount
      for i in stride(from: 0, to: planeCount, by: 8) {
        let a = UnsafeRawPointer(goal + i).loadUnaligned(as: SIMD8<Float>.self)
        let b = UnsafeRawPointer(output + i).loadUnaligned(as: SIMD8<Float>.self)
        let difference = a - scale * b
        lanes += difference * difference
      }
      sum += lanes.sum()
    }
    return sum
  }

  /// The bits of a stage whose flips lower the model of the error most, in the order in which they
  /// do; fewer than the largest trial if no more do.
  private func candidates(of number: Int) -> [Int] {
    let stage = stages[number]
    let decoder = slopes[number]
    let (above, output, goal) = (decoder.outputGradient, outputs[number].base, target.base)
    let factor = 2 * stage.scale
    for i in 0..<Self.sampleCount { above[i] = factor * (output[i] - goal[i]) }
    let slope = decoder.backward()
    let bitCount = CodecSpec.stageBitCount
    var chosen: [Int] = []
    var gradient = (0..<bitCount).map { slope[$0] }
    while chosen.count < Self.trialBitCounts.max()! {
      // Flipping bit i moves it by −2 b, and the model by −2 b · gradient + 4 · product.
      var best: (bit: Int, change: Float)?
      for bit in 0..<bitCount where !chosen.contains(bit) {
        let change =
          -2 * bits[number][bit] * gradient[bit] + 4 * stage.products[bit * bitCount + bit]
        if change < best?.change ?? 0 { best = (bit, change) }
      }
      guard let best else { break }
      chosen.append(best.bit)
      let move = -4 * bits[number][best.bit]
      for other in 0..<bitCount {
        gradient[other] += move * stage.products[best.bit * bitCount + other]
      }
    }
    return chosen
  }
}
