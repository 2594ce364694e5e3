import Testing
import ThumbprintCodes
import ThumbprintTestKit
import ThumbprintWire

/// `docs/formats/wire.md` is normative: its tables are those of the code, and its dumps are
/// fixtures, which the code writes and reads.
@Suite struct WireDocumentTests {
  private let page: NormativePage

  init() throws {
    page = try NormativePage("docs/formats/wire.md")
  }

  @Test func tablesAreThoseOfTheCode() throws {
    for layout in WireLayouts.all {
      let rows = try page.rows("### \(layout.name)").filter {
        $0.count >= 4 && Int($0[0]) != nil
      }
      #expect(rows.count == layout.fields.count, "\(layout.name)")
      var end = 0
      for (row, field) in zip(rows, layout.fields) {
        #expect(Int(row[0]) == field.offset, "\(layout.name): \(field.name)")
        #expect(Int(row[1]) == field.byteCount, "\(layout.name): \(field.name)")
        #expect(row[2] == "\(field.name)", "\(layout.name)")
        #expect(field.offset == end, "\(layout.name): a gap before \(field.name)")
        end += field.byteCount
      }
      #expect(end == layout.byteCount, "\(layout.name)")
    }
  }

  @Test func messagesAreThoseOfTheCode() throws {
    let rows = try page.rows("## Messages").filter { Int($0.first ?? "") != nil }
    #expect(rows.map { Int($0[0]) } == MessageType.allCases.map { Int($0.rawValue) })
    #expect(rows.map { $0[1] } == MessageType.allCases.map { "`\($0)`" })
  }

  @Test func errorsAreThoseOfTheCode() throws {
    let rows = try page.rows("## Errors").filter { Int($0.first ?? "") != nil }
    let kinds = ServiceError.Code.Value.allCases
    #expect(rows.map { Int($0[0]) } == kinds.map { Int($0.wireNumber) })
    #expect(rows.map { $0[1] } == kinds.map { "`\($0.rawValue)`" })
    #expect(rows.map { $0[2] } == kinds.map { $0.isUsuallyRetryable ? "yes" : "no" })
  }

  @Test func operationsAreThoseOfTheCode() throws {
    let rows = try page.rows("## Administration").filter { $0.count == 3 }.dropFirst(2)
    #expect(rows.map { $0[0] } == AdminOperationName.allCases.map { "`\($0.rawValue)`" })
  }

  @Test func limitsAreThoseOfTheCode() throws {
    let limits = try page.limits("## Limits")
    #expect(limits.map(\.name) == WireLimits.all.map(\.name))
    #expect(limits.map(\.value) == WireLimits.all.map(\.value))
  }

  @Test(arguments: WireDumps.all.indices)
  func dumpsAreFixtures(_ index: Int) throws {
    let (heading, frame) = WireDumps.all[index]
    let dump = try page.dump("### \(heading)")
    let expected = NormativePage.dump(frame.encoded())
    #expect(dump == expected, "### \(heading)\n\(expected.joined(separator: "\n"))")
    // Read back from the page alone, as a client in another language would be tested.
    let bytes = dump.flatMap { line in
      let digits = line.dropFirst(10).filter { $0 != " " }
      return stride(from: 0, to: digits.count, by: 2).compactMap {
        UInt8(String(Array(digits)[$0..<$0 + 2]), radix: 16)
      }
    }
    var decoder = FrameDecoder()
    let read = try bytes.withUnsafeBytes {
      var rest = $0
      return try decoder.next(&rest)
    }
    #expect(read == frame)
  }
}

/// The frames that the page shows, by the heading of their layout.
enum WireDumps {
  static let all: [(heading: String, frame: Frame)] = [
    ("error", answer(WireSamples.error)),
    ("hello", ask(WireSamples.hello, id: 1)),
    ("welcome", answer(WireSamples.welcome)),
    ("ping", ask(Ping(token: 0x0102_0304_0506_0708), id: 2)),
    ("cancel", ask(Cancel(requestID: 42), id: 3)),
    ("search", ask(WireSamples.search, id: 42)),
    ("search reply", answer(WireSamples.searchReply)),
    (
      "fetch",
      ask(
        FetchRequest(
          collection: WireSamples.collection, ids: [ItemID(5), ItemID(.max)],
          parts: [.images, .names]), id: 43)
    ),
    (
      "append",
      ask(
        AppendRequest(
          shard: WireSamples.shard, operation: .delete([ItemID(9), ItemID(5)]),
          coder: WireSamples.coder), id: 44)
    ),
    ("append reply", answer(AppendReply(position: WireSamples.position, deleted: 1, absent: 1))),
    ("log pull", ask(WireSamples.logPull, id: 45)),
    (
      "log reply",
      answer(
        LogReply(
          content: .entries([[1, 2, 3]]), term: Term(4), last: WireSamples.position,
          state: WireSamples.state))
    ),
    ("copy open", ask(CopyOpenRequest(shard: WireSamples.shard, term: Term(4)), id: 46)),
    (
      "copy read",
      ask(CopyReadRequest(session: 11, item: 3, offset: 1 << 33, byteCountMax: 65536), id: 47)
    ),
  ]

  private static func ask(_ message: some WireMessage, id: UInt64) -> Frame {
    Frame(asking: message, requestID: id, traceID: 0xABCD, deadlineMilliseconds: 2000)
  }

  private static func answer(_ message: some WireMessage) -> Frame {
    Frame(message, answering: FrameHeader(type: .ping, requestID: 42, traceID: 0xABCD))
  }
}
