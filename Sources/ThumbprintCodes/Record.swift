/// One coded picture: what finds it, what shows it, and what people call it.
public struct Record: Sendable, Hashable {
  public var id: ItemID
  /// What people call the picture, for instance its path: UTF-8, at most ``RecordLimits/nameByteCountMax`` bytes.
  public var name: String?
  /// Facts about the picture as text; as JSON with sorted keys at most ``RecordLimits/tagsByteCountMax`` bytes.
  public var tags: [String: String]
  public var feature: FeatureCode
  public var image: ImageCode

  public init(
    id: ItemID, name: String? = nil, tags: [String: String] = [:],
    feature: FeatureCode, image: ImageCode
  ) {
    self.id = id
    self.name = name
    self.tags = tags
    self.feature = feature
    self.image = image
  }
}

/// The bounds of what a record may hold.
public enum RecordLimits {
  /// The most UTF-8 bytes of a name.
  public static let nameByteCountMax = 1024
  /// The most bytes of the tags of a record, written as JSON.
  public static let tagsByteCountMax = 4096
}
