import ThumbprintCodes

/// Makes codes from a seed, the same on every machine.
public struct CodeGenerator: Sendable {
  fileprivate var generator: SplitMix64

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

extension CodeGenerator {
  /// Codes as networks make them: clusters of objects in a space of few dimensions, of which each
  /// bit is the side of a random plane, so that distances of strangers spread widely.
  public mutating func clustered(
    count: Int, clusterCount: Int = 20, dimensionCount: Int = 16, spread: Double = 0.5
  ) -> [FeatureCode] {
    let planes = (0..<FeatureCode.bitCount).map { _ in vector(dimensionCount) }
    let centres = (0..<clusterCount).map { _ in vector(dimensionCount) }
    return (0..<count).map { _ in
      let centre = centres[Int.random(in: 0..<clusterCount, using: &generator)]
      let point = zip(centre, vector(dimensionCount)).map { $0 + spread * $1 }
      var code = FeatureCode()
      for (bit, plane) in planes.enumerated() {
        code[bit] = zip(plane, point).reduce(0) { $0 + $1.0 * $1.1 } > 0
      }
      return code
    }
  }

  /// Independent values of mean 0 and variance 1: sums of twelve uniform ones.
  private mutating func vector(_ count: Int) -> [Double] {
    (0..<count).map { _ in
      (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0..<1, using: &generator) }
    }
  }
}
