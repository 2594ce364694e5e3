import Testing
import ThumbprintCommands
import ThumbprintIndex

@Suite struct PromiseTests {
  @Test func promisesReadAsTheyAreWritten() throws {
    for promise in [SearchPromise.certified, .exact, .recall(0.99), .recall(0.5)] {
      #expect(try SearchPromise(flag: promise.flag) == promise)
    }
  }

  @Test(arguments: ["", "sure", "recall", "recall=", "recall=x", "recall=nan", "Certified"])
  func otherTextsAreRefused(_ text: String) {
    #expect(throws: CommandError.self) { try SearchPromise(flag: text) }
  }

  @Test(arguments: ["recall=0", "recall=1", "recall=1.5", "recall=-0.5", "recall=1e9"])
  func sharesOutsideTheirBoundsAreRefused(_ text: String) {
    let error = #expect(throws: CommandError.self) { try SearchPromise(flag: text) }
    #expect(error?.message == "--promise: \(text): X has to be above 0 and below 1")
  }
}
