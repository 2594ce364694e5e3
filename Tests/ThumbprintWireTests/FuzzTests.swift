import Testing
import ThumbprintCodes
import ThumbprintWire

/// Every decoder against bytes that were damaged, cut short, or made to lie.
@Suite struct FuzzTests {
  @Test(arguments: WireSamples.all.indices)
  func aMessageThatIsCutIsRefused(_ index: Int) {
    let (name, message) = WireSamples.all[index]
    MessageCheck.cut(message, name)
  }

  @Test(arguments: WireSamples.all.indices)
  func aFlippedBitIsSeenOrMeansSomethingElse(_ index: Int) {
    let (name, message) = WireSamples.all[index]
    MessageCheck.flipEveryBit(message, name)
  }

  @Test(arguments: WireSamples.all.indices)
  func aLengthThatLiesIsRefused(_ index: Int) {
    let (name, message) = WireSamples.all[index]
    MessageCheck.lie(message, name)
  }

  @Test func randomDamageIsRefused() {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("FuzzTests: seed=\(seed)")
    var random = SplitMix64(seed: seed)
    for (name, message) in WireSamples.all {
      MessageCheck.random(message, using: &random, count: 300, "\(name), seed=\(seed)")
    }
  }

  /// Messages are made of what peers send: none of them may be read as another.
  @Test func everyTypeHasASample() {
    let types = Set(WireSamples.all.map { type(of: $0.message).type })
    #expect(types == Set(MessageType.allCases))
  }

  @Test func everySampleComesBackByteForByte() throws {
    func check<M: WireMessage>(_ message: M, _ name: String) throws {
      #expect(try M.decoded(message.encoded()).encoded() == message.encoded(), "\(name)")
    }
    for (name, message) in WireSamples.all { try check(message, name) }
  }
}
