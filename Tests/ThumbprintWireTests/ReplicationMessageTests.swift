import Testing
import ThumbprintCodes
import ThumbprintWire

@Suite struct ReplicationMessageTests {
  @Test func messagesComeBack() throws {
    try MessageCheck.roundTrip(WireSamples.logPull)
    for content in [LogReply.Content.entries([]), .entries([[], [1]]), .diverged, .truncated] {
      try MessageCheck.roundTrip(
        LogReply(content: content, term: Term(9), last: WireSamples.position))
    }
    try MessageCheck.roundTrip(CopyOpenRequest(shard: WireSamples.shard))
    try MessageCheck.roundTrip(CopyOpenReply(session: 1, manifest: []))
    try MessageCheck.roundTrip(
      CopyReadRequest(session: 1, item: .max, offset: UInt64(Int64.max), byteCountMax: 1))
    try MessageCheck.roundTrip(CopyReadReply(bytes: Array(0...255)))
    try MessageCheck.roundTrip(CopyCloseRequest(session: 1))
    try MessageCheck.roundTrip(CopyCloseReply())
  }

  @Test func aPullIsBounded() {
    var pull = WireSamples.logPull
    pull.waitMilliseconds = WireLimits.waitMillisecondsMax + 1
    let bytes = pull.encoded()
    let error = #expect(throws: ServiceError.self) { try LogPullRequest.decoded(bytes) }
    #expect(error?.code == .malformed && error?.message.contains("wait") == true)
  }

  @Test func anAnswerWithoutEntriesHasNone() {
    var bytes = LogReply(content: .diverged, term: Term(1), last: .start).encoded()
    bytes[4] = 1
    bytes += [0, 0, 0, 0]
    #expect(throws: ServiceError.self) { try LogReply.decoded(bytes) }
  }
}
