import Testing
import ThumbprintCodes
import ThumbprintWire

@Suite struct FrameTests {
  private let frames = [
    Frame(asking: WireSamples.search, requestID: 7, traceID: 99, deadlineMilliseconds: 2000),
    Frame(asking: Ping(token: 1), requestID: 8),
    Frame(CopyCloseReply(), answering: FrameHeader(type: .copyClose, requestID: 9, traceID: 3)),
  ]

  /// Gives `bytes` to a decoder in pieces of the sizes that `next` says.
  private func decode(
    _ bytes: [UInt8], with decoder: inout FrameDecoder, pieces next: () -> Int
  ) throws -> [Frame] {
    var frames: [Frame] = []
    var start = 0
    while start < bytes.count {
      let end = min(bytes.count, start + max(1, next()))
      try bytes[start..<end].withUnsafeBytes { piece in
        var rest = piece
        while !rest.isEmpty {
          if let frame = try decoder.next(&rest) { frames.append(frame) }
        }
      }
      start = end
    }
    return frames
  }

  @Test func aHeaderHas56Bytes() {
    #expect(FrameHeader.byteCount == 56)
    #expect(frames[2].encoded().count == 56)
  }

  @Test func framesAreFoundInPiecesOfAnySize() throws {
    let bytes = frames.flatMap { $0.encoded() }
    for size in [1, 2, 3, 7, 55, 56, 57, 100, 5000] {
      var decoder = FrameDecoder()
      let found = try decode(bytes, with: &decoder) { size }
      #expect(found == frames, "pieces of \(size)")
      #expect(!decoder.isWithinFrame)
    }
    let seed = UInt64.random(in: 0...UInt64.max)
    print("FrameTests: seed=\(seed)")
    var random = SplitMix64(seed: seed)
    for _ in 0..<200 {
      var decoder = FrameDecoder()
      let found = try decode(bytes, with: &decoder) { Int.random(in: 1...200, using: &random) }
      #expect(found == frames, "seed=\(seed)")
    }
  }

  @Test func aFrameThatIsNotWholeIsNotGiven() throws {
    let bytes = frames[0].encoded()
    for count in 0..<bytes.count {
      var decoder = FrameDecoder()
      let found = try decode(Array(bytes[..<count]), with: &decoder) { count }
      #expect(found.isEmpty)
      #expect(decoder.isWithinFrame == (count > 0))
    }
  }

  @Test func everyFlippedBitIsSeen() throws {
    let bytes = frames[1].encoded()
    for bit in 0..<8 * bytes.count {
      var damaged = bytes
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      var decoder = FrameDecoder()
      #expect(throws: ServiceError.self, "bit \(bit)") {
        try decode(damaged, with: &decoder) { damaged.count }
      }
    }
  }

  @Test func otherProtocolsAreSeenAtOnce() {
    for text in ["GET / HTTP/1.1\r\n", "\u{16}\u{03}\u{01}\u{02}", "hello", "TP\n\n"] {
      var decoder = FrameDecoder()
      #expect(throws: ServiceError.self, "\(text)") {
        try decode(Array(text.utf8), with: &decoder) { 4 }
      }
    }
  }

  @Test func aBodyOverTheBoundIsRefusedByItsHeader() {
    var decoder = FrameDecoder(bodyByteCountMax: 100)
    let header = FrameHeader(type: .append, requestID: 1).encoded(
      body: [UInt8](repeating: 1, count: 101))
    let error = #expect(throws: ServiceError.self) {
      try decode(header, with: &decoder) { 56 }
    }
    #expect(error?.code == .tooLarge)
    #expect(error?.message.contains("101") == true && error?.message.contains("100") == true)
  }

  /// Of a frame that announces 16 MiB and sends a little, only the little is held.
  @Test func memoryFollowsTheBytesThatCame() throws {
    let body = [UInt8](repeating: 7, count: WireLimits.bodyByteCountMax)
    let header = FrameHeader(type: .append, requestID: 1).encoded(body: body)
    var decoder = FrameDecoder()
    _ = try decode(header + body[..<1000], with: &decoder) { 100 }
    #expect(decoder.isWithinFrame)
    #expect(decoder.heldByteCount < 10_000)
    let found = try decode(Array(body[1000...]), with: &decoder) { 1 << 16 }
    #expect(found.count == 1 && found[0].body == body)
  }

  @Test func anotherVersionAndAnUnknownTypeAreNamed() throws {
    // Version and type are covered by the checksum, so both are made with it.
    let version = try TamperedHeader(frames[1], at: 4, value: 9).error()
    #expect(version?.code == .unsupportedVersion)
    #expect(version?.message.contains("9") == true && version?.message.contains("1") == true)
    let type = try TamperedHeader(frames[1], at: 6, value: 999).error()
    #expect(type?.code == .unknownMessage && type?.message.contains("999") == true)
  }

  @Test func reservedBytesAndFlagsMustBeZero() throws {
    for offset in [8, 10, 36, 38] {
      #expect(try TamperedHeader(frames[1], at: offset, value: 1).error()?.code == .malformed)
    }
  }

  @Test func anErrorTakesThePlaceOfAnAnswer() throws {
    let request = FrameHeader(type: .ping, requestID: 5, traceID: 6)
    let frame = Frame(WireSamples.error, answering: request)
    let error = #expect(throws: ServiceError.self) { try frame.message(as: Pong.self) }
    #expect(error == WireSamples.error.error)
    #expect(frame.header.requestID == 5 && frame.header.traceID == 6)
    let other = Frame(Cancel(requestID: 1), answering: request)
    #expect(throws: ServiceError.self) { try other.message(as: Pong.self) }
    #expect(try Frame(Pong(token: 3), answering: request).message() == Pong(token: 3))
  }
}

/// A frame with another number in its header, and the checksum of that header.
private struct TamperedHeader {
  var bytes: [UInt8]

  init(_ frame: Frame, at offset: Int, value: UInt16) throws {
    bytes = frame.encoded()
    bytes[offset] = UInt8(truncatingIfNeeded: value)
    bytes[offset + 1] = UInt8(truncatingIfNeeded: value >> 8)
    let sum = WireChecksum.of(bytes[..<48])
    for i in 0..<8 { bytes[48 + i] = UInt8(truncatingIfNeeded: sum >> (8 * UInt64(i))) }
  }

  func error() -> ServiceError? {
    #expect(throws: ServiceError.self) {
      var decoder = FrameDecoder()
      try bytes.withUnsafeBytes {
        var rest = $0
        _ = try decoder.next(&rest)
      }
    }
  }
}
