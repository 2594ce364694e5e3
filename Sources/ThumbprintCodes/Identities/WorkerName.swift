/// What a worker is known by: 1 to 63 of the characters `0-9`, `a-z` and `-`, unique in its
/// cluster and kept when it starts again, whatever its address is then.
public struct WorkerName: Hashable, Sendable {
  /// The most characters of a name, which are as many bytes.
  public static let characterCountMax = 63

  /// The name as text.
  public let text: String

  /// The name written as `text`, or `nil` unless it has 1 to ``characterCountMax`` characters, all
  /// of `0-9`, `a-z` and `-`.
  public init?(_ text: String) {
    let isPlain = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "-"):
        true
      default: false
      }
    }
    guard isPlain, (1...Self.characterCountMax).contains(text.utf8.count) else { return nil }
    self.text = text
  }
}

extension WorkerName: Comparable {
  public static func < (a: WorkerName, b: WorkerName) -> Bool { a.text < b.text }
}

extension WorkerName: LosslessStringConvertible {
  public var description: String { text }
}

extension WorkerName: Codable, CodingKeyRepresentable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let name = WorkerName(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(
        in: container,
        debugDescription:
          "the name of a worker has 1 to \(Self.characterCountMax) characters of 0-9, a-z and -")
    }
    self = name
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }

  public var codingKey: any CodingKey { TextKey(text) }

  public init?(codingKey: some CodingKey) { self.init(codingKey.stringValue) }
}
