import ThumbprintCodes

/// Groups of near codes among unrelated ones, for trying out and measuring a search whose right
/// answers are known: the members of a group are flipped copies of a random centre.
///
/// Everything depends on the seed and a number alone, so rows can be made in any order, again,
/// on any machine. Two members of a group differ in about `2 f (1 - f)` of their bits where `f`
/// is the share flipped; members of different groups in about half.
package struct PlantedCodes: Sendable {
  package var seed: UInt64
  /// Members of each group, at least 1.
  package var groupSize = 4
  /// The share of bits in which a member differs from its centre, `0...0.5`, in steps of 2⁻¹⁶.
  package var flippedShare = 0.05

  package init(seed: UInt64, groupSize: Int = 4, flippedShare: Double = 0.05) {
    self.seed = seed
    self.groupSize = groupSize
    self.flippedShare = flippedShare
  }

  /// The record of row `index`, which is its id.
  package func record(_ index: Int) -> Record {
    let (group, member) = index.quotientAndRemainder(dividingBy: groupSize)
    let codes = codes(ofGroup: group, member: UInt64(member))
    return Record(
      id: ItemID(UInt64(index)), name: "group-\(group)/\(member)",
      tags: ["group": String(group)], feature: codes.feature, image: codes.image)
  }

  /// A code that is in no dataset, near the members of the group of number `index`.
  package func query(_ index: Int, groupCount: Int) -> FeatureCode {
    // Spreads the queries over all groups and starts again when there are more of them.
    let group = groupCount > 0 ? index &* 7919 % groupCount : 0
    return codes(ofGroup: group, member: .max - UInt64(index)).feature
  }

  private func codes(ofGroup group: Int, member: UInt64) -> (feature: FeatureCode, image: ImageCode)
  {
    var centre = stream(UInt64(group), purpose: 1)
    var noise = stream(stream(UInt64(group), purpose: 2).peek ^ member, purpose: 3)
    var feature = FeatureCode()
    var image = ImageCode()
    feature.withUnsafeMutableBytes { fill($0, centre: &centre, noise: &noise) }
    image.withUnsafeMutableBytes { fill($0, centre: &centre, noise: &noise) }
    return (feature, image)
  }

  /// A generator of its own for each number: seeds go through the mixer, since the sequences of
  /// neighbouring seeds would be the same one, shifted.
  private func stream(_ number: UInt64, purpose: UInt64) -> SplitMix64 {
    var mixer = SplitMix64(seed: seed ^ (purpose << 60))
    mixer = SplitMix64(seed: mixer.next() ^ number)
    return SplitMix64(seed: mixer.next())
  }

  private func fill(
    _ bytes: UnsafeMutableRawBufferPointer, centre: inout SplitMix64, noise: inout SplitMix64
  ) {
    for offset in stride(from: 0, to: bytes.count, by: 8) {
      let word = centre.next() ^ flips(using: &noise)
      bytes.storeBytes(of: word.littleEndian, toByteOffset: offset, as: UInt64.self)
    }
  }

  /// 64 independent bits, each set with the chance ``flippedShare``: the binary digits of the
  /// chance, lowest first, each joined by OR (1) or AND (0) with fair bits.
  private func flips(using noise: inout SplitMix64) -> UInt64 {
    var digits = UInt32((flippedShare * 65536).rounded())
    guard digits > 0 else { return 0 }
    let zeros = digits.trailingZeroBitCount
    digits >>= UInt32(zeros)
    var word: UInt64 = 0
    for _ in zeros..<16 {
      word = digits & 1 == 1 ? word | noise.next() : word & noise.next()
      digits >>= 1
    }
    return word
  }
}

extension SplitMix64 {
  /// The number that ``next()`` would give.
  fileprivate var peek: UInt64 {
    var copy = self
    return copy.next()
  }
}
