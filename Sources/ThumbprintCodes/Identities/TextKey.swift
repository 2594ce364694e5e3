/// A key of a JSON object that is the text of an identity.
struct TextKey: CodingKey {
  var stringValue: String

  init(_ text: String) { stringValue = text }

  init?(stringValue: String) { self.stringValue = stringValue }

  var intValue: Int? { nil }

  init?(intValue: Int) { nil }
}
