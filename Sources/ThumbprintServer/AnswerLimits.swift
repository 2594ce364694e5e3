import ThumbprintCodes
import ThumbprintWire

extension ServiceError {
  /// Nobody waits for the answer any more.
  static let takenBack = ServiceError(.cancelled, "the request was taken back")

  /// An answer that no message can hold.
  static func tooLarge(_ what: String, _ count: Int, most: Int) -> ServiceError {
    ServiceError(
      .tooLarge, "the answer would have \(count) \(what); the most is \(most)",
      hint: "ask for fewer neighbours, a smaller radius, or with fewer queries at once")
  }

  /// The same if it is not yet known how many there are in all.
  static func tooLarge(_ what: String, orMore count: Int, most: Int) -> ServiceError {
    ServiceError(
      .tooLarge, "the answer would have \(count) \(what) or more; the most is \(most)",
      hint: "ask for fewer neighbours, a smaller radius, or with fewer queries at once")
  }
}

extension RowColumnsBuilder {
  /// Looked at while rows are added, so that no more are gathered than can be sent.
  func checkSize() throws(ServiceError) {
    guard byteCount <= WireLimits.payloadByteCountMax else {
      throw .tooLarge("bytes", orMore: byteCount, most: WireLimits.payloadByteCountMax)
    }
  }
}
