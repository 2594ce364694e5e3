import ThumbprintCodes
import ThumbprintImages
import ThumbprintNets

/// Turns pictures into codes of 4096 bits that are near each other for pictures of one thing.
public struct FeatureNetwork: Sendable {
  public let description: FeatureDescription
  public let convolutions: ConvolutionalPart
  /// From descriptors to bits; see ``FeatureDescription``.
  var head: Network

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
    var codes = [FeatureCode](repeating: FeatureCode(), count: count)
    let workers = max(1, min(threadCount, count))
    codes.withUnsafeMutableBufferPointer { codes in
      // Safe: worker w writes the codes w, w + workers, … alone.
      nonisolated(unsafe) let codes = codes
      Parallel.forEach(workers, threadCount: workers) { worker in
        // One picture at a time: products of other sizes may round otherwise and turn a bit.
        let coder = FeatureCoder(self)
        for index in stride(from: worker, to: count, by: workers) {
          codes[index] = coder.encode(picture(index))
        }
      }
    }
    return codes
  }

  /// The codes of pictures whose descriptors are known: what stands before the head.
  func encode(descriptors: [Float], threadCount: Int) -> [FeatureCode] {
    let size = description.descriptorCount(convolutions.output)
    var codes = [FeatureCode](repeating: FeatureCode(), count: descriptors.count / size)
    let workers = max(1, min(threadCount, codes.count))
    codes.withUnsafeMutableBufferPointer { codes in
      // Safe: as above.
      nonisolated(unsafe) let codes = codes
      descriptors.withUnsafeBufferPointer { descriptors in
        nonisolated(unsafe) let descriptors = descriptors
        Parallel.forEach(workers, threadCount: workers) { worker in
          let coder = FeatureCoder(self)
          for index in stride(from: worker, to: codes.count, by: workers) {
            codes[index] = coder.encode(descriptor: descriptors.baseAddress! + index * size)
          }
        }
      }
    }
    return codes
  }
}

/// The memory in which one worker codes one picture after another.
package final class FeatureCoder {
  private let network: FeatureNetwork
  private let convolutions: Workspace
  private let head: Workspace

  package init(_ network: FeatureNetwork) {
    self.network = network
    convolutions = network.convolutions.workspace(imageCountMax: 1)
    head = Workspace(network.head.plan, imageCountMax: 1, isTraining: false)
  }

  package func encode(_ picture: Picture) -> FeatureCode {
    let part = network.convolutions
    part.description.fill(convolutions.input, picture, place: 0, imageCount: 1)
    convolutions.forward(part.network, imageCount: 1)
    network.description.describe(
      convolutions.output, part.output, imageCount: 1, into: head.input)
    return code()
  }

  func encode(descriptor: UnsafePointer<Float>) -> FeatureCode {
    head.input.update(from: descriptor, count: head.plan.spec.input.count)
    return code()
  }

  /// The code of the descriptor before the head.
  private func code() -> FeatureCode {
    head.forward(network.head, imageCount: 1)
    var code = FeatureCode()
    code.withUnsafeMutableBytes { bytes in
      for bit in 0..<FeatureCode.bitCount where head.output[bit] > 0 {
        bytes[bit / 8] |= 0x80 >> UInt8(bit % 8)
      }
    }
    return code
  }
}
