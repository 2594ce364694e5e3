import CHamming
import ThumbprintCodes

/// The private, random order in which an index keeps the bits of feature codes.
///
/// Every bound of the certified search is a statement about this choice, whatever the data, so
/// the seed must not be known to whoever supplies the codes.
public struct BitPermutation: Sendable, Hashable {
  /// `sources[j]` is the bit of the code that stands at permuted position `j`.
  public let sources: [UInt16]
  public let seed: UInt64

  /// A permutation drawn uniformly by `seed`; the same on every machine.
  public init(seed: UInt64) {
    self.seed = seed
    var generator = SplitMix64(seed: seed)
    var order = (0..<UInt16(FeatureCode.bitCount)).map { $0 }
    order.shuffle(using: &generator)
    sources = order
  }

  /// Writes the permuted code to `target`; both hold ``FeatureCode/byteCount`` bytes.
  /// Bits of permuted bytes are numbered as in the code: bit 0 is the highest of byte 0.
  public func permute(_ code: UnsafeRawPointer, to target: UnsafeMutableRawPointer) {
    sources.withUnsafeBufferPointer { tp_permute(code, $0.baseAddress!, target) }
  }

  /// Writes to `target` the code of which `permuted` is the permuted form.
  public func restore(_ permuted: UnsafeRawPointer, to target: UnsafeMutableRawPointer) {
    sources.withUnsafeBufferPointer { tp_unpermute(permuted, $0.baseAddress!, target) }
  }

  public func permuted(_ code: FeatureCode) -> FeatureCode {
    var result = FeatureCode()
    code.withUnsafeBytes { source in
      result.withUnsafeMutableBytes { permute(source.baseAddress!, to: $0.baseAddress!) }
    }
    return result
  }

  public func restored(_ permuted: FeatureCode) -> FeatureCode {
    var result = FeatureCode()
    permuted.withUnsafeBytes { source in
      result.withUnsafeMutableBytes { restore(source.baseAddress!, to: $0.baseAddress!) }
    }
    return result
  }
}
