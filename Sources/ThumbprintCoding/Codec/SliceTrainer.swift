import ThumbprintNets

/// One worker's memory for training on one slice of every batch.
///
/// `@unchecked Sendable` is safe because a step gives each slice to one thread, and reads the
/// results when all have ended.
final class SliceTrainer: @unchecked Sendable {
  let encoders: [Workspace]
  let decoders: [Workspace]
  /// The squared error of the last trained stage, summed over the slice of the last step.
  private(set) var squaredErrorSum = 0.0

  /// The number of the slice's first picture in the batch.
  private let first: Int
  private let imageCount: Int
  /// `residuals[k]` goes into stage `k`, CNHW over −1...1.
  private let residuals: [Memory]
  private let slope: Memory

  init(_ stages: [Codec.Stage], first: Int, imageCount: Int) {
    self.first = first
    self.imageCount = imageCount
    encoders = stages.map {
      Workspace($0.encoder.plan, imageCountMax: imageCount, isTraining: true)
    }
    decoders = stages.map {
      Workspace($0.decoder.plan, imageCountMax: imageCount, isTraining: true)
    }
    let count = imageCount * CodecSpec.picture.count
    residuals = (0...stages.count).map { _ in Memory(count: count) }
    slope = Memory(count: count)
  }

  /// Takes the slice through the stages and back, leaving gradients in the workspaces.
  ///
  /// With `r` the residual before a stage, `s` its scale and `f` its networks, the stage leaves
  /// `r − s · f(r / s)`. The loss is the weighted sum of the stages' mean squared residuals.
  func run(
    _ stages: [Codec.Stage], phase: CodecRecipe.Phase, pictures: Thumbnails, batch: [Int],
    batchSampleCount: Int, pass: (seed: UInt64, step: UInt64)
  ) {
    let key = PassKey(seed: pass.seed, step: pass.step, firstImage: first)
    let sampleCount = imageCount * CodecSpec.picture.count
    // Numbers above those of the pictures are their mirror images.
    let slice = batch[first..<first + imageCount]
    pictures.fill(residuals[0].base, indices: slice.map { $0 % pictures.count })
    Thumbnails.mirror(residuals[0].base, imageCount: imageCount) {
      slice[first + $0] >= pictures.count
    }
    for number in 0...phase.stages.upperBound {
      advance(
        stages[number], number, imageCount: imageCount,
        key: phase.stages.contains(number) ? key : nil)
    }
    let rest = residuals[phase.stages.upperBound + 1].base
    squaredErrorSum = Double(Elementwise.dot(rest, rest, count: sampleCount))

    let slope = slope.base
    slope.update(repeating: 0, count: sampleCount)
    for number in phase.stages.reversed() {
      let stage = stages[number]
      let (encoder, decoder) = (encoders[number], decoders[number])
      if phase.encoderRateShare > 0 { encoder.clearGradients() }
      decoder.clearGradients()
      let weight = phase.lossWeights[number - phase.stages.lowerBound]
      let share = 2 * weight / Float(batchSampleCount)
      let rest = residuals[number + 1].base
      for i in 0..<sampleCount { slope[i] += share * rest[i] }
      for i in 0..<sampleCount { decoder.outputGradient[i] = -stage.scale * slope[i] }
      let bits = decoder.backward(
        stage.decoder, wantsInputGradient: phase.encoderRateShare > 0)
      if let bits {
        encoder.outputGradient.update(
          from: bits, count: imageCount * CodecSpec.stageBitCount)
      }
      let wantsMore = number > phase.stages.lowerBound
      if bits != nil, let below = encoder.backward(stage.encoder, wantsInputGradient: wantsMore) {
        let inverse = 1 / stage.scale
        for i in 0..<sampleCount { slope[i] += inverse * below[i] }
      }
    }
  }

  /// Computes the residual that a stage leaves.
  private func advance(
    _ stage: Codec.Stage, _ number: Int, imageCount: Int, key: PassKey?
  ) {
    let (encoder, decoder) = (encoders[number], decoders[number])
    let (before, after) = (residuals[number].base, residuals[number + 1].base)
    let sampleCount = imageCount * CodecSpec.picture.count
    let inverse = 1 / stage.scale
    for i in 0..<sampleCount { encoder.input[i] = before[i] * inverse }
    encoder.forward(stage.encoder, imageCount: imageCount, key: key)
    decoder.input.update(from: encoder.output, count: imageCount * CodecSpec.stageBitCount)
    decoder.forward(stage.decoder, imageCount: imageCount, key: key)
    for i in 0..<sampleCount { after[i] = before[i] - stage.scale * decoder.output[i] }
  }

  /// The mean square of what is left of pictures before a stage.
  func meanSquaredResidual(
    _ stages: [Codec.Stage], before stage: Int, pictures: Thumbnails, indices: [Int]
  ) -> Double {
    var sum = 0.0
    for start in stride(from: 0, to: indices.count, by: imageCount) {
      let slice = indices[start..<min(indices.count, start + imageCount)]
      pictures.fill(residuals[0].base, indices: slice)
      for number in 0..<stage {
        advance(stages[number], number, imageCount: slice.count, key: nil)
      }
      let rest = residuals[stage].base
      sum += Double(Elementwise.dot(rest, rest, count: slice.count * CodecSpec.picture.count))
    }
    return sum / Double(max(1, indices.count) * CodecSpec.picture.count)
  }

  /// What goes into a stage for pictures, divided by the stage's scale: rows of 3,072 samples.
  func residualRows(
    _ stages: [Codec.Stage], before stage: Int, pictures: Thumbnails, indices: [Int]
  ) -> [Float] {
    let sampleCount = CodecSpec.picture.count
    var rows = [Float](repeating: 0, count: indices.count * sampleCount)
    for start in stride(from: 0, to: indices.count, by: imageCount) {
      let slice = indices[start..<min(indices.count, start + imageCount)]
      pictures.fill(residuals[0].base, indices: slice)
      for number in 0..<stage {
        advance(stages[number], number, imageCount: slice.count, key: nil)
      }
      rows.withUnsafeMutableBufferPointer { rows in
        ImageOrder.separate(
          residuals[stage].base, CodecSpec.picture, imageCount: slice.count,
          into: rows.baseAddress! + start * sampleCount)
      }
    }
    let inverse = 1 / stages[stage].scale
    for i in rows.indices { rows[i] *= inverse }
    return rows
  }
}
