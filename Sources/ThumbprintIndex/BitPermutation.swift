import CHamming
import ThumbprintCodes

/// The private, random order in which an index keeps the bits of feature codes.
///
/// Every bound of the certified search is a statement about this choice, whatever the data, so
/// the seed must not be known to whoever supplies the codes.
public struct BitPermutation: Sendable {
  public let seed: UInt64
  /// `sources[j]` is the bit of the code that stands at permuted position `j`.
  public let sources: [UInt16]
  /// The same, and its inverse, as the kernel counts bits: from the lowest of each byte.
  private let order: [UInt16]
  private let inverseOrder: [UInt16]

  /// A permutation drawn uniformly by `seed`; the same on every machine.
  public init(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    var sources = Array(0..<UInt16(FeatureCode.bitCount))
    sources.shuffle(using: &generator)
    self.init(seed: seed, sources: sources)
  }

  private init(seed: UInt64, sources: [UInt16]) {
    self.seed = seed
    self.sources = sources
    var order = [UInt16](repeating: 0, count: FeatureCode.bitCount)
    var inverse = order
    for (target, source) in sources.enumerated() {
      let low = (target: target ^ 7, source: Int(source) ^ 7)
      order[low.target] = UInt16(low.source)
      inverse[low.source] = UInt16(low.target)
    }
    self.order = order
    inverseOrder = inverse
  }

  /// Writes the permuted code to `target`; both hold `FeatureCode.byteCount` bytes and may
  /// not overlap. Bits of permuted bytes are numbered as in the code. About 1 µs.
  public func permute(_ code: UnsafeRawPointer, to target: UnsafeMutableRawPointer) {
    order.withUnsafeBufferPointer { tp_permute(code, $0.baseAddress!, target) }
  }

  /// Codes that ``permuteGroup(_:to:)`` permutes at once.
  public static let groupCount = 64

  /// Writes ``groupCount`` permuted codes to `targets`, as ``permute(_:to:)`` does with one; both
  /// hold so many codes of `FeatureCode.byteCount` bytes, one after another. Costs a code about
  /// a quarter of what permuting it alone does.
  public func permuteGroup(_ codes: UnsafeRawPointer, to targets: UnsafeMutableRawPointer) {
    sources.withUnsafeBufferPointer { tp_permute_64(codes, $0.baseAddress!, targets) }
  }

  /// Writes to `target` the code of which `permuted` is the permuted form.
  public func restore(_ permuted: UnsafeRawPointer, to target: UnsafeMutableRawPointer) {
    inverseOrder.withUnsafeBufferPointer { tp_permute(permuted, $0.baseAddress!, target) }
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

extension BitPermutation: Hashable {
  public static func == (a: BitPermutation, b: BitPermutation) -> Bool { a.seed == b.seed }
  public func hash(into hasher: inout Hasher) { hasher.combine(seed) }
}
