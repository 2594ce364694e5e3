import ThumbprintCodes
import ThumbprintImages
import ThumbprintNets

/// Turns pictures into codes of 4096 bits that are near each other for pictures of one thing.
public struct FeatureNetwork: Sendable {
  public let description: FeatureDescription
  public let convolutions: ConvolutionalPart
  /// From descriptors to bits; see ``FeatureDescription``.
  var head: Network {
    didSet { Preparation.renew(&preparation) }
  }
  private var preparation = Preparation<InferenceNetwork>()
  fileprivate var preparedHead: InferenceNetwork {
    preparation.value { InferenceNetwork(head) }
  }

  /// A network whose head has initial weights that are a function of `seed`.
  ///
  /// - Throws: ``NetsError/Code/invalidSpec`` if the description cannot be built.
  package init(
    _ description: FeatureDescription, _ part: ConvolutionalPart, seed: UInt64
  ) throws(NetsError) {
    precondition(
      part.description == description.convolutions.folded, "these are other convolutions")
    self.description = description
    convolutions = part
    head = try Network(
      description.head(descriptorCount: description.descriptorCount(part.output)), seed: seed)
  }

  /// Whether both describe pictures alike, so that one's descriptors serve the other.
  public func hasSameConvolutions(as other: FeatureNetwork) -> Bool {
    description.pooling == other.description.pooling
      && convolutions.description == other.convolutions.description
      && convolutions.network.parameters == other.convolutions.network.parameters
  }

  /// The code of one picture of any size, which is shrunk whole to the size of the input.
  public func encode(_ picture: Picture) -> FeatureCode {
    encode(1) { _ in picture }[0]
  }

  /// The codes of pictures. Each is a function of its picture alone: not of the others, nor of the
  /// number of threads.
  ///
  /// - Parameters:
  ///   - threadCount: The most threads used. Blocks the calling thread.
  ///   - picture: Gives the picture of a number below `count`; called on several threads.
  public func encode(
    _ count: Int, threadCount: Int = 1, picture: (Int) -> Picture
  ) -> [FeatureCode] {
    encode(count, threadCount: threadCount) { coder, place, imageCount, index in
      coder.put(picture(index), at: place, of: imageCount)
    } _: {
      $0.encode(imageCount: $1)
    }
  }

  /// The codes of pictures whose descriptors are known: what stands before the head.
  func encode(descriptors: [Float], threadCount: Int) -> [FeatureCode] {
    let size = description.descriptorCount(convolutions.output)
    return descriptors.withUnsafeBufferPointer { descriptors in
      encode(descriptors.count / size, threadCount: threadCount) {
        coder, place, imageCount, index in
        coder.put(
          descriptor: descriptors.baseAddress! + index * size, at: place, of: imageCount)
      } _: {
        $0.code(imageCount: $1)
      }
    }
  }

  /// Codes pictures slice by slice: `put` places one of them among the images of a slice.
  private func encode(
    _ count: Int, threadCount: Int,
    _ put: (_ coder: FeatureCoder, _ place: Int, _ imageCount: Int, _ index: Int) -> Void,
    _ code: (_ coder: FeatureCoder, _ imageCount: Int) -> [FeatureCode]
  ) -> [FeatureCode] {
    var codes = [FeatureCode](repeating: FeatureCode(), count: count)
    // As many as the convolutions take at their best, but enough slices for all threads.
    let size = max(1, min(convolutions.sliceImageCount, count / max(1, threadCount)))
    let slices = (count + size - 1) / size
    let workers = max(1, min(threadCount, slices))
    codes.withUnsafeMutableBufferPointer { codes in
      // Safe: worker w writes the codes of slices w, w + workers, … alone.
      nonisolated(unsafe) let codes = codes
      Parallel.forEach(workers, threadCount: workers) { worker in
        let coder = FeatureCoder(self, imageCountMax: size)
        for slice in stride(from: worker, to: slices, by: workers) {
          let range = slice * size..<min(count, (slice + 1) * size)
          for (place, index) in range.enumerated() { put(coder, place, range.count, index) }
          for (index, made) in zip(range, code(coder, range.count)) { codes[index] = made }
        }
      }
    }
    return codes
  }
}

/// The memory in which one worker codes pictures, some at a time. Each code is a function of its
/// picture alone: see ``InferenceNetwork``.
package final class FeatureCoder {
  private let network: FeatureNetwork
  private let convolutions: InferenceWorkspace
  private let head: InferenceWorkspace
  private let descriptors: Memory
  private let descriptorCount: Int

  package init(_ network: FeatureNetwork, imageCountMax: Int) {
    self.network = network
    convolutions = network.convolutions.workspace(imageCountMax: imageCountMax)
    head = InferenceWorkspace(network.preparedHead, imageCountMax: imageCountMax)
    descriptorCount = network.head.plan.spec.input.count
    descriptors = Memory(count: imageCountMax * descriptorCount)
  }

  /// Pictures that may be coded together.
  package var imageCountMax: Int { convolutions.imageCountMax }

  /// A picture of any size at the size that the network looks at.
  func sized(_ picture: Picture) -> Picture { network.convolutions.description.sized(picture) }

  /// Places a picture of any size, shrunk whole, among those that are coded next.
  package func put(_ picture: Picture, at place: Int, of imageCount: Int) {
    network.convolutions.description.fill(
      convolutions.input, picture, place: place, imageCount: imageCount)
  }

  func put(descriptor: UnsafePointer<Float>, at place: Int, of imageCount: Int) {
    (descriptors.base + place * descriptorCount).update(
      from: descriptor, count: descriptorCount)
  }

  /// The codes of the pictures put.
  package func encode(imageCount: Int) -> [FeatureCode] {
    convolutions.forward(imageCount: imageCount)
    network.description.describe(
      convolutions.output, network.convolutions.output, imageCount: imageCount,
      into: descriptors.base)
    return code(imageCount: imageCount)
  }

  /// The codes of the descriptors put.
  fileprivate func code(imageCount: Int) -> [FeatureCode] {
    let answers = head.forward(vectors: descriptors.base, imageCount: imageCount)
    return (0..<imageCount).map { image in
      let values = answers.values + image * answers.stride
      var code = FeatureCode()
      code.withUnsafeMutableBytes { bytes in
        for bit in 0..<FeatureCode.bitCount where values[bit] > 0 {
          bytes[bit / 8] |= 0x80 >> UInt8(bit % 8)
        }
      }
      return code
    }
  }
}
