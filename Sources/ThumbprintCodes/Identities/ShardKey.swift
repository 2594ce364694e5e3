/// Names a shard in a cluster: the collection and the number of the shard in it, from 0.
public struct ShardKey: Hashable, Sendable {
  public let collection: CollectionID
  public let number: Int

  public init(collection: CollectionID, number: Int) {
    precondition(number >= 0 && number <= UInt16.max, "there is no shard \(number)")
    self.collection = collection
    self.number = number
  }
}

extension ShardKey: Comparable {
  public static func < (a: ShardKey, b: ShardKey) -> Bool {
    (a.collection, a.number) < (b.collection, b.number)
  }
}

extension ShardKey: LosslessStringConvertible {
  /// For instance `0123456789abcdef0123456789abcdef/7`.
  public var description: String { "\(collection)/\(number)" }

  /// Reads what ``description`` writes; `nil` for anything else.
  public init?(_ description: String) {
    let parts = description.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let collection = CollectionID(String(parts[0])),
      let number = UInt16(parts[1]), String(number) == parts[1]
    else { return nil }
    self.init(collection: collection, number: Int(number))
  }
}

extension ShardKey: Codable, CodingKeyRepresentable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let key = ShardKey(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(
        in: container,
        debugDescription: "a shard is 32 lower-case hexadecimal digits, a slash and a number")
    }
    self = key
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  public var codingKey: any CodingKey { TextKey(description) }

  public init?(codingKey: some CodingKey) { self.init(codingKey.stringValue) }
}
