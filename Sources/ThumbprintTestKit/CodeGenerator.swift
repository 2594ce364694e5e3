import ThumbprintCodes

/// Makes codes from a seed, the same on every machine.
public struct CodeGenerator: Sendable {
  private var generator: SplitMix64

  public init(seed: UInt64) {
    generator = SplitMix64(seed: seed)
  }

  /// A code of independent, fair bits.
  public mutating func feature() -> FeatureCode {
    var code = FeatureCode()
    code.withUnsafeMutableBytes { bytes in
      for i in bytes.indices { bytes[i] = UInt8.random(in: 0...255, using: &generator) }
    }
    return code
  }

  public mutating func image() -> ImageCode {
    var code = ImageCode()
    code.withUnsafeMutableBytes { bytes in
      for i in bytes.indices { bytes[i] = UInt8.random(in: 0...255, using: &generator) }
    }
    return code
  }

  /// `code` with each bit flipped with the given chance.
  public mutating func flipped(_ code: FeatureCode, share: Double) -> FeatureCode {
    var result = code
    for bit in 0..<FeatureCode.bitCount where Double.random(in: 0..<1, using: &generator) < share {
      result[bit].toggle()
    }
    return result
  }

  /// Groups of near codes among unrelated ones: `groupSize` flipped copies of each random centre.
  public mutating func planted(count: Int, groupSize: Int = 4, share: Double) -> [FeatureCode] {
    var codes: [FeatureCode] = []
    codes.reserveCapacity(count)
    while codes.count < count {
      let centre = feature()
      for _ in 0..<groupSize where codes.count < count {
        codes.append(flipped(centre, share: share))
      }
    }
    return codes
  }
}
