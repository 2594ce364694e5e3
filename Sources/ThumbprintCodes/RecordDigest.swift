import CXXHash

/// A 128-bit sum over records that does not depend on their order.
///
/// The digest of a set is the sum, modulo 2¹²⁸, of one hash per record; so it can be kept up to
/// date as records come and go, the digests of disjoint parts add up to that of the whole, and
/// two equal digests say that nothing was lost, doubled or changed on the way. It protects
/// against accidents and not against forgery: someone who chooses records can make two sets with
/// one digest.
///
/// The hash of a record is XXH3-128 with seed 0 over its canonical bytes, integers little-endian:
///
/// | bytes | what |
/// |---|---|
/// | 8 | id |
/// | 512 | feature code |
/// | 64 | image code |
/// | 4 | byte count of the name; `0xFFFFFFFF` if there is none |
/// | … | name, UTF-8 |
/// | 4 | byte count of the tags; 0 if there are none |
/// | … | tags in the form of ``TagsJSON`` |
///
/// An empty name counts as none. `docs/formats/dataset.md` is normative.
public struct RecordDigest: Hashable, Sendable {
  /// Bits 64 to 127.
  public private(set) var high: UInt64
  /// Bits 0 to 63.
  public private(set) var low: UInt64

  /// The digest of no records: zero.
  public init() {
    self.init(high: 0, low: 0)
  }

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Adds a record's hash, or the digest of other records, modulo 2¹²⁸.
  public mutating func add(_ other: RecordDigest) {
    let (sum, carry) = low.addingReportingOverflow(other.low)
    low = sum
    high = high &+ other.high &+ (carry ? 1 : 0)
  }

  /// Takes away a record's hash, or the digest of a part, modulo 2¹²⁸: undoes ``add(_:)``.
  public mutating func subtract(_ other: RecordDigest) {
    let (difference, borrow) = low.subtractingReportingOverflow(other.low)
    low = difference
    high = high &- other.high &- (borrow ? 1 : 0)
  }

  /// The hash of one record, which is the digest of the set that holds it alone.
  ///
  /// - Parameters:
  ///   - feature: ``FeatureCode/byteCount`` readable bytes, at any alignment.
  ///   - image: ``ImageCode/byteCount`` readable bytes, at any alignment.
  ///   - name: UTF-8; `nil` and no bytes both mean that there is no name.
  ///   - tags: The tags as ``TagsJSON/encode(_:)`` writes them; no bytes if there are none.
  /// - Complexity: One pass over the bytes, without heap memory; some 50 ns without name and tags.
  public static func of(
    id: ItemID, feature: UnsafeRawPointer, image: UnsafeRawPointer,
    name: UnsafeRawBufferPointer? = nil,
    tags: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
  ) -> RecordDigest {
    let name = name ?? UnsafeRawBufferPointer(start: nil, count: 0)
    let byteCount = Canonical.fixedByteCount + name.count + tags.count
    if byteCount == Canonical.fixedByteCount {
      // A constant size keeps the buffer on the stack: the path of bulk loading.
      return withUnsafeTemporaryAllocation(
        byteCount: Canonical.fixedByteCount, alignment: 8
      ) { buffer in
        Canonical.hash(buffer, id: id, feature: feature, image: image, name: name, tags: tags)
      }
    }
    return withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 8) { buffer in
      Canonical.hash(buffer, id: id, feature: feature, image: image, name: name, tags: tags)
    }
  }

  /// The hash of one record, which is the digest of the set that holds it alone.
  public static func of(_ record: Record) -> RecordDigest {
    let tags = TagsJSON.encode(record.tags)
    var name = record.name ?? ""
    return name.withUTF8 { name in
      tags.withUnsafeBytes { tags in
        record.feature.withUnsafeBytes { feature in
          record.image.withUnsafeBytes { image in
            guard let feature = feature.baseAddress, let image = image.baseAddress else {
              preconditionFailure("codes have bytes")
            }
            return of(
              id: record.id, feature: feature, image: image,
              name: UnsafeRawBufferPointer(name), tags: tags)
          }
        }
      }
    }
  }
}

extension RecordDigest: LosslessStringConvertible {
  /// The number in 32 lower-case hexadecimal digits.
  public var description: String {
    Self.hexadecimal(high) + Self.hexadecimal(low)
  }

  /// Reads what ``description`` writes; `nil` for anything else.
  public init?(_ description: String) {
    let digits = description.utf8
    let isHexadecimal = digits.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
      default: false
      }
    }
    guard digits.count == 32, isHexadecimal,
      let high = UInt64(description.prefix(16), radix: 16),
      let low = UInt64(description.suffix(16), radix: 16)
    else { return nil }
    self.init(high: high, low: low)
  }

  private static func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }
}

extension RecordDigest: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let digest = RecordDigest(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "a digest has 32 lower-case hexadecimal digits")
    }
    self = digest
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// The bytes that stand for a record when it is hashed.
private enum Canonical {
  /// Bytes of a record without name and tags.
  static let fixedByteCount = 8 + FeatureCode.byteCount + ImageCode.byteCount + 4 + 4
  /// Stands for the byte count of a name that is not there.
  static let absentName = UInt32.max

  /// Writes the canonical bytes, which fill `buffer` exactly, and hashes them.
  @inline(__always)
  static func hash(
    _ buffer: UnsafeMutableRawBufferPointer, id: ItemID,
    feature: UnsafeRawPointer, image: UnsafeRawPointer,
    name: UnsafeRawBufferPointer, tags: UnsafeRawBufferPointer
  ) -> RecordDigest {
    precondition(
      name.count < absentName && tags.count < absentName,
      "\(name.count) bytes of name and \(tags.count) of tags do not fit a record")
    var offset = 0
    func put(_ source: UnsafeRawPointer, _ byteCount: Int) {
      UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<offset + byteCount])
        .copyMemory(from: UnsafeRawBufferPointer(start: source, count: byteCount))
      offset += byteCount
    }
    func put(_ value: UInt32) {
      buffer.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt32.self)
      offset += 4
    }
    buffer.storeBytes(of: id.rawValue.littleEndian, toByteOffset: 0, as: UInt64.self)
    offset = 8
    put(feature, FeatureCode.byteCount)
    put(image, ImageCode.byteCount)
    put(name.isEmpty ? absentName : UInt32(name.count))
    if let bytes = name.baseAddress { put(bytes, name.count) }
    put(UInt32(tags.count))
    if let bytes = tags.baseAddress { put(bytes, tags.count) }
    let hash = XXH3_128bits(buffer.baseAddress, offset)
    return RecordDigest(high: hash.high64, low: hash.low64)
  }
}
