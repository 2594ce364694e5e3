/// The number that names a record in its collection, chosen by whoever loads it.
public struct ItemID: RawRepresentable, Hashable, Comparable, Sendable {
  public var rawValue: UInt64

  public init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  public init(_ value: UInt64) {
    rawValue = value
  }

  public static func < (a: ItemID, b: ItemID) -> Bool {
    a.rawValue < b.rawValue
  }
}

extension ItemID: CustomStringConvertible {
  public var description: String { String(rawValue) }
}

extension ItemID: Codable {
  public init(from decoder: any Decoder) throws {
    rawValue = try decoder.singleValueContainer().decode(UInt64.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(rawValue)
  }
}
