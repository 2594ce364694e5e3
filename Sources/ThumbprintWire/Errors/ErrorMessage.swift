enum ErrorLayout: WireLayout {
  static let name: StaticString = "error"
  static let number = WireField("number", 0, 2)
  static let flags = WireField("flags", 2, 2)
  static let messageByteCount = WireField("message byte count", 4, 2)
  static let hintByteCount = WireField("hint byte count", 6, 2)
  static let byteCount = 8
  static var fields: [WireField] { [number, flags, messageByteCount, hintByteCount] }
}

/// Says why a request was not done; with request id 0, why the connection ends.
public struct ErrorMessage: WireMessage, Hashable {
  public static let type = MessageType.error

  public var error: ServiceError
  /// The number of a kind that this program does not know, which it takes for an internal error.
  private var unknownNumber: UInt16?

  public init(_ error: ServiceError) {
    self.error = error
  }

  private struct Flags: OptionSet {
    var rawValue: UInt16
    static let retryable = Flags(rawValue: 1)
    static let hasHint = Flags(rawValue: 2)
  }

  public func encoded() -> [UInt8] {
    let message = Self.cut(error.message)
    let hint = error.hint.map(Self.cut)
    var flags: Flags = error.isRetryable ? .retryable : []
    if hint != nil { flags.insert(.hasHint) }
    var writer = WireWriter()
    writer.begin(ErrorLayout.self)
    writer.set(ErrorLayout.number, unknownNumber ?? error.code.value.wireNumber)
    writer.set(ErrorLayout.flags, flags.rawValue)
    writer.set(ErrorLayout.messageByteCount, UInt16(message.count))
    writer.set(ErrorLayout.hintByteCount, UInt16(hint?.count ?? 0))
    writer.append(message)
    writer.append(hint ?? [])
    return writer.bytes
  }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> ErrorMessage {
    var reader = WireReader(body, place: "error")
    try reader.begin(ErrorLayout.self)
    let number: UInt16 = reader.get(ErrorLayout.number)
    let flags = try reader.get(
      ErrorLayout.flags, flags: Flags.self, known: [.retryable, .hasHint])
    let bounds = 0...UInt16(WireLimits.errorTextByteCountMax)
    let messageByteCount = try reader.get(ErrorLayout.messageByteCount, in: bounds)
    let hintByteCount = try reader.get(ErrorLayout.hintByteCount, in: bounds)
    guard flags.contains(.hasHint) || hintByteCount == 0 else {
      throw reader.wrong(ErrorLayout.hintByteCount, "0 without a hint", found: hintByteCount)
    }
    let message = try reader.text(Int(messageByteCount), "message")
    let hint = try reader.text(Int(hintByteCount), "hint")
    try reader.end()
    let value = ServiceError.Code.Value(wireNumber: number)
    var result = ErrorMessage(
      ServiceError(
        ServiceError.Code(value ?? .internalError), message,
        hint: flags.contains(.hasHint) ? hint : nil, isRetryable: flags.contains(.retryable)))
    if value == nil { result.unknownNumber = number }
    return result
  }

  /// As many whole characters as there is room for.
  private static func cut(_ text: String) -> [UInt8] {
    var bytes = Array(text.utf8.prefix(WireLimits.errorTextByteCountMax))
    while String(validating: bytes, as: UTF8.self) == nil { bytes.removeLast() }
    return bytes
  }
}
