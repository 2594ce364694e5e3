/// The 4096 bits that *find* a picture, compared by Hamming distance.
///
/// Bit `i` is bit `7 - i % 8` of byte `i / 8`, the order in which `numpy.packbits` writes.
public struct FeatureCode: Sendable {
  /// Bits in a code: 4096.
  public static let bitCount = 4096
  /// Bytes in a code: 512.
  public static let byteCount = 512

  private var words: InlineArray<64, UInt64>

  /// The code whose bits are all zero.
  public init() {
    words = InlineArray(repeating: 0)
  }

  /// Copies a code out of memory.
  ///
  /// - Parameter bytes: Exactly ``byteCount`` bytes, at any alignment.
  public init(copying bytes: UnsafeRawBufferPointer) {
    precondition(
      bytes.count == Self.byteCount,
      "a feature code has \(Self.byteCount) bytes, not \(bytes.count)")
    self.init()
    withUnsafeMutableBytes { $0.copyMemory(from: bytes) }
  }

  /// A code of the given bytes, or `nil` if there are not exactly ``byteCount`` of them.
  public init?(_ bytes: some Collection<UInt8>) {
    guard bytes.count == Self.byteCount else { return nil }
    self.init()
    withUnsafeMutableBytes { $0.copyBytes(from: bytes) }
  }

  /// Whether this says what a picture shows. A code whose bits are all zero stands for none: that
  /// of a picture of which only the image code was made. All such codes are equal.
  public var isThere: Bool { self != FeatureCode() }

  /// Calls `body` with the ``byteCount`` bytes of the code.
  public func withUnsafeBytes<R, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try Swift.withUnsafeBytes(of: words, body)
  }

  /// Calls `body` with the ``byteCount`` bytes of the code, to be changed in place.
  public mutating func withUnsafeMutableBytes<R, E: Error>(
    _ body: (UnsafeMutableRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try Swift.withUnsafeMutableBytes(of: &words, body)
  }

  /// The bit at `position`, `0..<bitCount`.
  public subscript(position: Int) -> Bool {
    get {
      precondition(position >= 0 && position < Self.bitCount, "no bit \(position) in 4096")
      return withUnsafeBytes { $0[position / 8] & (0x80 >> UInt8(position % 8)) != 0 }
    }
    set {
      precondition(position >= 0 && position < Self.bitCount, "no bit \(position) in 4096")
      let mask: UInt8 = 0x80 >> UInt8(position % 8)
      withUnsafeMutableBytes { bytes in
        bytes[position / 8] = newValue ? bytes[position / 8] | mask : bytes[position / 8] & ~mask
      }
    }
  }

  /// The number of bits in which two codes differ, `0...4096`.
  public func distance(to other: FeatureCode) -> Int {
    withUnsafeBytes { a in other.withUnsafeBytes { b in Hamming.distance(a, b) } }
  }
}

extension FeatureCode: Hashable {
  public static func == (a: FeatureCode, b: FeatureCode) -> Bool {
    a.withUnsafeBytes { x in b.withUnsafeBytes { y in x.elementsEqual(y) } }
  }

  public func hash(into hasher: inout Hasher) {
    withUnsafeBytes { hasher.combine(bytes: $0) }
  }
}
