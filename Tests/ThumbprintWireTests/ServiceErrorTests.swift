import Testing
import ThumbprintWire

@Suite struct ServiceErrorTests {
  @Test func everyKindHasItsOwnNumber() {
    let kinds = ServiceError.Code.Value.allCases
    #expect(Set(kinds.map(\.wireNumber)).count == kinds.count)
    for kind in kinds {
      #expect(kind.wireNumber > 0)
      #expect(ServiceError.Code.Value(wireNumber: kind.wireNumber) == kind)
      #expect([64, 65, 69, 70, 74, 130].contains(kind.exitStatus), "\(kind)")
      #expect((400...599).contains(kind.httpStatus), "\(kind)")
    }
    #expect(ServiceError.Code.Value(wireNumber: 0) == nil)
  }

  @Test func everyKindTravels() throws {
    for kind in ServiceError.Code.Value.allCases {
      for isRetryable in [true, false] {
        let error = ServiceError(
          ServiceError.Code(kind), "what, where and the bound", hint: "what to do",
          isRetryable: isRetryable)
        #expect(try ErrorMessage.decoded(ErrorMessage(error).encoded()).error == error)
      }
    }
  }

  @Test func anUnknownNumberIsAnInternalErrorAndStaysItself() throws {
    var bytes = WireSamples.error.encoded()
    bytes[0] = 0xEE
    bytes[1] = 0x7F
    let message = try ErrorMessage.decoded(bytes)
    #expect(message.error.code == .internalError)
    #expect(message.error.message == WireSamples.error.error.message)
    #expect(message.encoded() == bytes)
  }

  @Test func aLongTextIsCutBetweenCharacters() throws {
    let long = String(repeating: "é", count: 3000)
    let error = ServiceError(.invalid, "x" + long, hint: long)
    let back = try ErrorMessage.decoded(ErrorMessage(error).encoded()).error
    #expect(back.message == "x" + String(repeating: "é", count: 1023))
    #expect(back.hint == String(repeating: "é", count: 1024))
  }
}
