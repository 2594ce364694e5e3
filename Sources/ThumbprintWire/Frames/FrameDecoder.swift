/// Finds the frames in a stream of bytes that comes in pieces of any size.
///
/// A body gets memory as its bytes arrive, not as its header promises. After an error there is
/// no way to find the next frame: the connection has to end.
public struct FrameDecoder: Sendable {
  /// The most bytes of a body.
  public var bodyByteCountMax: Int
  private var head: [UInt8] = []
  private var body: [UInt8] = []
  private var parsed: FrameHeader.Parsed?

  public init(bodyByteCountMax: Int = WireLimits.bodyByteCountMax) {
    self.bodyByteCountMax = bodyByteCountMax
  }

  /// Whether a frame has begun that has not ended.
  public var isWithinFrame: Bool { !head.isEmpty }

  /// Bytes of memory that the frame that has begun takes up.
  package var heldByteCount: Int { head.capacity + body.capacity }

  /// Takes bytes up to the end of one frame.
  ///
  /// - Parameter bytes: What follows the bytes taken before. Those taken now are removed.
  /// - Returns: A frame, or `nil` when all bytes are taken and its end is still to come.
  /// - Throws: `malformed`, `unsupportedVersion`, `unknownMessage`, `tooLarge`.
  public mutating func next(
    _ bytes: inout UnsafeRawBufferPointer
  ) throws(ServiceError) -> Frame? {
    if parsed == nil {
      Self.move(&bytes, to: &head, byteCount: FrameHeader.byteCount)
      if head.count >= 4, head.littleEndianInteger(at: 0) != FrameHeaderLayout.magicValue {
        throw .malformed("frame", expected: "its magic", found: "other bytes")
      }
      guard head.count == FrameHeader.byteCount else { return nil }
      parsed = try FrameHeader.parse(head, bodyByteCountMax: bodyByteCountMax)
    }
    guard let parsed else { return nil }
    // Half of the rest has to be there before room is made for all of it.
    if bytes.count + body.count >= parsed.bodyByteCount / 2 {
      body.reserveCapacity(parsed.bodyByteCount)
    }
    Self.move(&bytes, to: &body, byteCount: parsed.bodyByteCount)
    guard body.count == parsed.bodyByteCount else { return nil }
    guard WireChecksum.of(body) == parsed.bodyChecksum else {
      throw .malformed("frame", expected: "the checksum of its body", found: "another")
    }
    let frame = Frame(header: parsed.header, body: body)
    head.removeAll(keepingCapacity: true)
    body = []
    self.parsed = nil
    return frame
  }

  private static func move(
    _ bytes: inout UnsafeRawBufferPointer, to array: inout [UInt8], byteCount: Int
  ) {
    let count = min(bytes.count, byteCount - array.count)
    array.append(contentsOf: bytes[..<count])
    bytes = UnsafeRawBufferPointer(rebasing: bytes[count...])
  }
}
