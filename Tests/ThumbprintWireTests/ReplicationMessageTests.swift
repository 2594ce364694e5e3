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
    try MessageCheck.roundTrip(CopyOpenRequest(shard: WireSamples.shard, term: Term(2)))
    try MessageCheck.roundTrip(CopyOpenReply(session: 1, manifest: []))
    try MessageCheck.roundTrip(
      CopyReadRequest(session: 1, item: .max, offset: UInt64(Int64.max), byteCountMax: 1))
    try MessageCheck.roundTrip(CopyReadReply(bytes: Array(0...255)))
    try MessageCheck.roundTrip(CopyCloseRequest(session: 1))
    try MessageCheck.roundTrip(CopyCloseReply())
  }

  @Test func aManifestIsPutTogetherOfItsParts() throws {
    let manifest = Array(0...99 as ClosedRange<UInt8>)
    let sent = CopyOpenReply(session: 5, manifest: manifest, partByteCountMax: 40)
    try MessageCheck.roundTrip(sent)
    var reply = try CopyOpenReply.decoded(sent.encoded())
    for count in [50, 10] {
      let next = try #require(reply.manifestRead)
      #expect(next.session == 5 && next.item == CopyReadRequest.manifestItem)
      let start = Int(next.offset)
      #expect(next.byteCountMax == manifest.count - start)
      try reply.add(CopyReadReply(bytes: Array(manifest[start..<start + count])))
    }
    #expect(reply.manifest == manifest && reply.manifestRead == nil)
    // Whole manifests have the form that they always had.
    let whole = CopyOpenReply(session: 5, manifest: manifest).encoded()
    #expect(whole[12..<16].allSatisfy { $0 == 0 })
    for bytes in [[], [UInt8](repeating: 0, count: 61)] {
      var short = sent
      let error = #expect(throws: ServiceError.self) { try short.add(CopyReadReply(bytes: bytes)) }
      #expect(error?.code == .malformed)
    }
    var long = sent.encoded()
    for byte in 12..<16 { long[byte] = 0xFF }
    #expect(throws: ServiceError.self) { try CopyOpenReply.decoded(long) }
  }

  @Test func aPullIsBounded() {
    let bytes = WireSamples.logPull.encoded()
    for (offset, value) in [(18, 2), (19, 0), (19, 64), (23, 0xFF)] {
      var damaged = bytes
      damaged[offset] = UInt8(value)
      let error = #expect(throws: ServiceError.self, "\(value) at \(offset)") {
        try LogPullRequest.decoded(damaged)
      }
      #expect(error?.code == .malformed)
    }
  }

  @Test func anAnswerWithoutEntriesHasNone() {
    var bytes = LogReply(content: .diverged, term: Term(1), last: .start).encoded()
    bytes[4] = 1
    bytes += [0, 0, 0, 0]
    #expect(throws: ServiceError.self) { try LogReply.decoded(bytes) }
  }
}
