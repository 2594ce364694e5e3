import ThumbprintCodes

/// Damages bytes in the ways that disks, networks, editors and attackers do; the same from one
/// seed on every machine.
struct Mutations {
  var random: SplitMix64
  /// Pieces that a format gives a meaning to, spliced in among other damage.
  var tokens: [[UInt8]]

  init(seed: UInt64, tokens: [String] = []) {
    random = SplitMix64(seed: seed)
    self.tokens = tokens.map { Array($0.utf8) }
  }

  /// `bytes` with one to four wounds.
  mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &random) { wound(&bytes) }
    return bytes
  }

  private mutating func wound(_ bytes: inout [UInt8]) {
    let at = Int.random(in: 0...bytes.count, using: &random)
    let length = min(Int.random(in: 1...16, using: &random), bytes.count - at)
    switch Int.random(in: 0..<8, using: &random) {
    case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &random)
    case 2: bytes.removeSubrange(at..<at + length)
    case 3: bytes.insert(contentsOf: bytes[at..<at + length], at: at)
    case 4: bytes.removeSubrange(at...)
    case 5:
      let extremes: [UInt64] = [0, 1, .max, 1 << 63, 1 << 31, 0xFFFF, random.next()]
      let value = extremes.randomElement(using: &random) ?? 0
      let width = min([1, 2, 4, 8].randomElement(using: &random) ?? 1, bytes.count - at)
      for i in 0..<width { bytes[at + i] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(i))) }
    default:
      guard let token = tokens.randomElement(using: &random) else { return }
      let replaced = Bool.random(using: &random) ? length : 0
      bytes.replaceSubrange(at..<at + replaced, with: token)
    }
  }
}
