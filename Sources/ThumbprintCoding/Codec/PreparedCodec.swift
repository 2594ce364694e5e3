import Synchronization
import ThumbprintCodes
import ThumbprintNets

/// A codec's networks made ready to be used often, and the memory of those who use them.
final class PreparedCodec: Sendable {
  struct Stage: Sendable {
    let encoder: InferenceNetwork
    let decoder: InferenceNetwork
    let scale: Float
  }

  let stages: [Stage]
  private let idle = Mutex<[SliceCoder]>([])

  init(_ stages: [Codec.Stage]) {
    self.stages = stages.map {
      Stage(
        encoder: InferenceNetwork($0.encoder), decoder: InferenceNetwork($0.decoder),
        scale: $0.scale)
    }
  }

  /// Calls `body` with memory for slices of pictures, which is kept for later calls.
  func withCoder<R>(imageCountMax: Int, _ body: (SliceCoder) -> R) -> R {
    let kept = idle.withLock { idle in
      idle.lastIndex { $0.imageCountMax >= imageCountMax }.map { idle.remove(at: $0) }
    }
    let coder = kept ?? SliceCoder(self, imageCountMax: imageCountMax)
    defer {
      idle.withLock { idle in
        if idle.count >= Self.idleCountMax { idle.removeFirst() }
        idle.append(coder)
      }
    }
    return body(coder)
  }

  /// What is kept at most: what a few threads use.
  private static let idleCountMax = 4
}

/// One worker's memory for coding slices of pictures.
///
/// `@unchecked Sendable` is safe because it belongs to one worker at a time: see
/// ``PreparedCodec/withCoder(imageCountMax:_:)``.
final class SliceCoder: @unchecked Sendable {
  let imageCountMax: Int
  private let encoders: [InferenceWorkspace]
  private let decoders: [InferenceWorkspace]
  private let scales: [Float]
  private let bits: FeatureShape
  private let memory: Memory
  /// What the stages so far have left over, CNHW over −1...1.
  var residual: UnsafeMutablePointer<Float> { memory.base }

  init(_ codec: PreparedCodec, imageCountMax: Int) {
    self.imageCountMax = imageCountMax
    encoders = codec.stages.map {
      InferenceWorkspace($0.encoder, imageCountMax: imageCountMax)
    }
    decoders = codec.stages.map {
      InferenceWorkspace($0.decoder, imageCountMax: imageCountMax)
    }
    scales = codec.stages.map(\.scale)
    bits = codec.stages[0].encoder.network.plan.output
    memory = Memory(count: imageCountMax * CodecSpec.picture.count)
  }

  /// The place of a bit among the values of a slice in CNHW.
  private func place(_ bit: Int, image: Int, of imageCount: Int) -> Int {
    let plane = bits.planeCount
    return (bit / plane &* imageCount &+ image) &* plane &+ bit % plane
  }

  /// Codes the residual with one stage, writes its bits, and leaves the next stage's residual.
  func encode(
    _ stage: Int, imageCount: Int, into codes: UnsafeMutableBufferPointer<ImageCode>,
    _ range: Range<Int>
  ) {
    let (encoder, decoder) = (encoders[stage], decoders[stage])
    let inverse = 1 / scales[stage]
    for i in 0..<imageCount * CodecSpec.picture.count {
      encoder.input[i] = residual[i] * inverse
    }
    encoder.forward(imageCount: imageCount)
    let first = stage * CodecSpec.stageBitCount
    for image in 0..<imageCount {
      codes[range.lowerBound + image].withUnsafeMutableBytes { bytes in
        for bit in 0..<CodecSpec.stageBitCount
        where encoder.output[place(bit, image: image, of: imageCount)] > 0 {
          bytes[(first + bit) / 8] |= 0x80 >> UInt8((first + bit) % 8)
        }
      }
    }
    guard stage + 1 < CodecSpec.stageCount else { return }
    decoder.input.update(from: encoder.output, count: imageCount * CodecSpec.stageBitCount)
    subtractDecoded(stage, imageCount: imageCount)
  }

  /// Puts one stage's bits of codes before its decoder.
  func setBits(_ stage: Int, of codes: ArraySlice<ImageCode>) {
    for (image, code) in codes.enumerated() {
      for bit in 0..<CodecSpec.stageBitCount {
        decoders[stage].input[place(bit, image: image, of: codes.count)] =
          code[stage * CodecSpec.stageBitCount + bit] ? 1 : -1
      }
    }
  }

  /// Decodes the bits before the decoder and takes the result from the residual.
  func subtractDecoded(_ stage: Int, imageCount: Int) {
    let decoder = decoders[stage]
    decoder.forward(imageCount: imageCount)
    let scale = scales[stage]
    for i in 0..<imageCount * CodecSpec.picture.count {
      residual[i] -= scale * decoder.output[i]
    }
  }
}
