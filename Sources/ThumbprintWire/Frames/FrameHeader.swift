enum FrameHeaderLayout: WireLayout {
  static let name: StaticString = "frame header"
  static let magic = WireField("magic", 0, 4)
  static let version = WireField("version", 4, 2)
  static let type = WireField("type", 6, 2)
  static let flags = WireField("flags", 8, 4)
  static let bodyByteCount = WireField("body byte count", 12, 4)
  static let requestID = WireField("request id", 16, 8)
  static let traceID = WireField("trace id", 24, 8)
  static let deadline = WireField("deadline", 32, 4)
  static let zero = WireField("reserved", 36, 4)
  static let bodyChecksum = WireField("body checksum", 40, 8)
  static let headerChecksum = WireField("header checksum", 48, 8)
  static let byteCount = 56
  static var fields: [WireField] {
    [
      magic, version, type, flags, bodyByteCount, requestID, traceID, deadline, zero,
      bodyChecksum, headerChecksum,
    ]
  }
  static var reserved: [WireField] { [flags, zero] }
  /// `TP`, 13, 10: shows damage by a conversion of text.
  static let magicValue: UInt32 = 0x0A0D_5054
}

/// What comes before the body of a message.
public struct FrameHeader: Sendable, Hashable {
  /// Bytes of a header: 56.
  public static let byteCount = FrameHeaderLayout.byteCount

  public var type: MessageType
  /// Chosen by who asks, and repeated by the answer; 0 for what concerns the connection.
  public var requestID: UInt64
  /// Chosen by who asks first and passed on with every request made for it; for logs.
  public var traceID: UInt64
  /// The milliseconds left for the answer when the frame was written; 0 for no bound.
  public var deadlineMilliseconds: UInt32

  public init(
    type: MessageType, requestID: UInt64, traceID: UInt64 = 0, deadlineMilliseconds: UInt32 = 0
  ) {
    precondition(
      deadlineMilliseconds <= WireLimits.deadlineMillisecondsMax,
      "a deadline of \(deadlineMilliseconds) ms is above \(WireLimits.deadlineMillisecondsMax)")
    self.type = type
    self.requestID = requestID
    self.traceID = traceID
    self.deadlineMilliseconds = deadlineMilliseconds
  }

  /// The bytes of the header of a frame with this body.
  public func encoded(body: [UInt8]) -> [UInt8] {
    precondition(
      body.count <= WireLimits.bodyByteCountMax,
      "a body of \(body.count) bytes is above \(WireLimits.bodyByteCountMax)")
    var writer = WireWriter(capacity: Self.byteCount)
    writer.begin(FrameHeaderLayout.self)
    writer.set(FrameHeaderLayout.magic, FrameHeaderLayout.magicValue)
    writer.set(FrameHeaderLayout.version, WireLimits.version)
    writer.set(FrameHeaderLayout.type, type.rawValue)
    writer.set(FrameHeaderLayout.bodyByteCount, UInt32(body.count))
    writer.set(FrameHeaderLayout.requestID, requestID)
    writer.set(FrameHeaderLayout.traceID, traceID)
    writer.set(FrameHeaderLayout.deadline, deadlineMilliseconds)
    writer.set(FrameHeaderLayout.bodyChecksum, WireChecksum.of(body))
    let sum = WireChecksum.of(writer.bytes[..<FrameHeaderLayout.headerChecksum.offset])
    writer.set(FrameHeaderLayout.headerChecksum, sum)
    return writer.bytes
  }

  /// A header that was checked, with what it says of the body.
  struct Parsed {
    var header: FrameHeader
    var bodyByteCount: Int
    var bodyChecksum: UInt64
  }

  /// Checks the bytes of a header.
  ///
  /// - Throws: `malformed`, `unsupportedVersion`, `unknownMessage`, `tooLarge`.
  static func parse(
    _ bytes: [UInt8], bodyByteCountMax: Int
  ) throws(ServiceError) -> Parsed {
    var reader = WireReader(bytes, place: "frame")
    typealias Layout = FrameHeaderLayout
    let magic: UInt32 = bytes.littleEndianInteger(at: 0)
    guard magic == Layout.magicValue else {
      throw .malformed("frame", expected: "its magic", found: "other bytes")
    }
    // Before the reserved bytes: a later version may give them a meaning.
    let sum: UInt64 = bytes.littleEndianInteger(at: Layout.headerChecksum.offset)
    guard sum == WireChecksum.of(bytes[..<Layout.headerChecksum.offset]) else {
      throw .malformed("frame", expected: "the checksum of its header", found: "another")
    }
    let version: UInt16 = bytes.littleEndianInteger(at: Layout.version.offset)
    guard (WireLimits.versionMin...WireLimits.version).contains(version) else {
      throw ServiceError(
        .unsupportedVersion,
        "a frame has protocol version \(version); this program speaks \(WireLimits.version)")
    }
    try reader.begin(Layout.self)
    let typeNumber: UInt16 = reader.get(Layout.type)
    guard let type = MessageType(rawValue: typeNumber) else {
      throw ServiceError(.unknownMessage, "there is no message of type \(typeNumber)")
    }
    let bodyByteCount = Int(reader.get(Layout.bodyByteCount, as: UInt32.self))
    guard bodyByteCount <= bodyByteCountMax else {
      throw ServiceError(
        .tooLarge,
        "a body of \(bodyByteCount) bytes is announced; the most is \(bodyByteCountMax) here")
    }
    let header = FrameHeader(
      type: type, requestID: reader.get(Layout.requestID), traceID: reader.get(Layout.traceID),
      deadlineMilliseconds: try reader.get(
        Layout.deadline, in: 0...WireLimits.deadlineMillisecondsMax))
    return Parsed(
      header: header, bodyByteCount: bodyByteCount, bodyChecksum: reader.get(Layout.bodyChecksum))
  }
}
