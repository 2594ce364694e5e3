import CHamming

/// Hamming distance over bytes, by the fastest kernel that this machine runs.
public enum Hamming {
  /// The number of bits in which two equally long runs of bytes differ.
  public static func distance(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    precondition(a.count == b.count, "cannot compare \(a.count) bytes with \(b.count)")
    guard let x = a.baseAddress, let y = b.baseAddress else { return 0 }
    return Int(tp_distance(x, y, a.count))
  }

  /// Writes the distances of a feature code to codes that lie one after another.
  ///
  /// - Parameters:
  ///   - query: ``FeatureCode/byteCount`` bytes.
  ///   - codes: `distances.count × 512` bytes, row-major.
  public static func distances(
    of query: UnsafeRawPointer, to codes: UnsafeRawPointer,
    into distances: UnsafeMutableBufferPointer<UInt16>
  ) {
    guard let target = distances.baseAddress else { return }
    tp_scan512(query, codes, distances.count, target)
  }

  /// The same as ``distance(_:_:)``, bit by bit: the slow twin that tests compare with.
  public static func naiveDistance(
    _ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer
  ) -> Int {
    precondition(a.count == b.count, "cannot compare \(a.count) bytes with \(b.count)")
    var count = 0
    for i in a.indices {
      for bit in 0..<8 where (a[i] ^ b[i]) & (1 << bit) != 0 { count += 1 }
    }
    return count
  }
}
