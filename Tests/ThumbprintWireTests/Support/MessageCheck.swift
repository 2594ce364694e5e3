import Testing
import ThumbprintCodes
import ThumbprintWire

/// What holds for every message, whatever it says.
enum MessageCheck {
  /// Encodes, decodes and encodes again.
  static func roundTrip<M: WireMessage & Equatable>(_ message: M) throws {
    let bytes = message.encoded()
    let back = try M.decoded(bytes)
    #expect(back == message)
    #expect(back.encoded() == bytes)
  }

  /// Damaged bytes are refused as malformed, or are those of another message: one that has just
  /// these bytes when it is encoded.
  static func decodeDamaged<M: WireMessage>(_ bytes: [UInt8], as type: M.Type, _ what: String) {
    do throws(ServiceError) {
      let message = try M.decoded(bytes)
      let again = message.encoded()
      #expect(again == bytes, "\(what): accepted, and encoded otherwise")
    } catch {
      #expect(error.code == .malformed, "\(what): \(error)")
      #expect(!error.message.contains("\n"), "\(what)")
      #expect(error.message.utf8.count < 1000, "\(what)")
    }
  }

  /// Every shorter beginning, and a longer end, is refused.
  static func cut<M: WireMessage>(_ message: M, _ what: String) {
    let bytes = message.encoded()
    // JSON stands for itself: its own tests cut it.
    if M.type.rawValue >= 64 { return }
    for count in 0..<bytes.count {
      #expect(throws: ServiceError.self, "\(what): \(count) of \(bytes.count) bytes") {
        _ = try M.decoded(Array(bytes[..<count]))
      }
    }
    #expect(throws: ServiceError.self, "\(what): a byte too many") {
      _ = try M.decoded(bytes + [0])
    }
  }

  static func flipEveryBit<M: WireMessage>(_ message: M, _ what: String) {
    let bytes = message.encoded()
    for bit in 0..<8 * bytes.count {
      var damaged = bytes
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      decodeDamaged(damaged, as: M.self, "\(what), bit \(bit)")
    }
  }

  /// Puts extreme numbers wherever a length may be.
  static func lie<M: WireMessage>(_ message: M, _ what: String) {
    let bytes = message.encoded()
    let extremes: [UInt64] = [.max, 1 << 63, 1 << 31, 0x7FFF_FFFF, 0xFFFF, 0x0100_0000, 0]
    for width in [1, 2, 4, 8] where width <= bytes.count {
      for start in stride(from: 0, through: min(bytes.count - width, 256), by: 1) {
        for value in extremes {
          var damaged = bytes
          for i in 0..<width { damaged[start + i] = UInt8(truncatingIfNeeded: value >> (8 * i)) }
          decodeDamaged(damaged, as: M.self, "\(what), \(value) in \(width) bytes at \(start)")
        }
      }
    }
  }

  /// Several wounds at once, and bytes of nothing.
  static func random<M: WireMessage>(
    _ message: M, using random: inout SplitMix64, count: Int, _ what: String
  ) {
    let bytes = message.encoded()
    for _ in 0..<count {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...4, using: &random) where !damaged.isEmpty {
        let at = Int.random(in: 0..<damaged.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: damaged[at] = UInt8.random(in: 0...255, using: &random)
        case 1: damaged.remove(at: at)
        case 2: damaged.insert(UInt8.random(in: 0...255, using: &random), at: at)
        default: damaged.removeSubrange(at...)
        }
      }
      decodeDamaged(damaged, as: M.self, what)
      let noise = (0..<Int.random(in: 0...200, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      decodeDamaged(noise, as: M.self, "\(what), noise")
    }
  }
}
