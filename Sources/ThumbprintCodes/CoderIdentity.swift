/// The name of the networks that made a set of codes.
///
/// Codes of two coders cannot be compared: wherever codes meet, their identities must be equal.
/// It is 1 to 64 of the characters `0-9`, `a-z` and `-`, so that it can stand in a file name, a
/// URL and a log line as it is; commonly the start of a hash over the weights.
public struct CoderIdentity: Hashable, Sendable {
  /// The most characters of an identity, which are as many bytes.
  public static let characterCountMax = 64

  /// The identity as text.
  public let name: String

  /// The identity written as `name`, or `nil` unless it has 1 to ``characterCountMax`` characters,
  /// all of `0-9`, `a-z` and `-`.
  public init?(_ name: String) {
    let isPlain = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "-"):
        true
      default: false
      }
    }
    guard isPlain, (1...Self.characterCountMax).contains(name.utf8.count) else { return nil }
    self.name = name
  }
}

extension CoderIdentity: LosslessStringConvertible {
  public var description: String { name }
}

extension CoderIdentity: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let identity = CoderIdentity(text) else {
      throw DecodingError.dataCorruptedError(
        in: container,
        debugDescription:
          "a coder identity has 1 to \(Self.characterCountMax) characters of 0-9, a-z and -")
    }
    self = identity
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(name)
  }
}
