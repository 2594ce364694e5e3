/// Which shard of a collection holds an id. Part of the format: it never changes.
///
/// The id is mixed by the finaliser of SplitMix64, so that ids in a row spread evenly, and the
/// mixed number is scaled to the number of shards by the high half of a product:
/// `⌊mix(id) · count / 2⁶⁴⌋`.
public enum ShardHash {
  /// The number of the shard, `0..<count`.
  public static func shard(of id: ItemID, count: Int) -> Int {
    precondition(count > 0, "a collection has no \(count) shards")
    var z = id.rawValue &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    z ^= z >> 31
    return Int(z.multipliedFullWidth(by: UInt64(count)).high)
  }
}
