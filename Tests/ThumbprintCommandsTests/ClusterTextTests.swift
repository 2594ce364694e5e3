import Testing
import ThumbprintCodes
import ThumbprintCommands
import ThumbprintWire

@Suite struct ClusterTextTests {
  @Test(
    arguments: [
      ("127.0.0.1:7700", "127.0.0.1", 7700), ("[::1]:1", "::1", 1),
      ("db.example:65535", "db.example", 65535),
    ])
  func addressesAreRead(_ text: String, _ host: String, _ port: Int) throws {
    let address = try #require(CoordinatorAddress(text))
    #expect(address.host == host && address.port == port && address.description == text)
  }

  @Test(
    arguments: [
      "", ":", "host", "host:", ":7700", "host:0", "host:65536", "host:-1", "::1:7700", "h/x:1",
      "a b:1", "http://h:1", "[]:1", "host:+1", "host: 1",
      String(repeating: "h", count: 10_000) + ":1",
    ])
  func otherTextsAreNoAddresses(_ text: String) {
    #expect(CoordinatorAddress(text) == nil)
  }

  @Test func bytesHaveUnits() {
    #expect(
      ["0", "17", "3kB", "50MiB", "2GB", "1TiB", "5B"].map { ByteCount(argument: $0)?.count }
        == [0, 17, 3000, 52_428_800, 2_000_000_000, 1 << 40, 5])
    for text in ["", "MiB", "-1", "1.5GB", "9223372036854775807TiB", "12 MB", "x"] {
      #expect(ByteCount(argument: text) == nil, "\(text)")
    }
  }

  private static func move(_ done: Int?, of total: Int? = 1000) -> MoveStatus {
    MoveStatus(
      id: 3, collection: "c", number: 1, source: nil, target: WorkerName("a")!,
      reason: "replicate", phase: "copying", totalByteCount: total, doneByteCount: done)
  }

  @Test func ratesComeFromTwoLooks() {
    var meter = MoveMeter()
    let first = meter.note([Self.move(100)], now: 10)[0]
    #expect(first.bytesPerSecond == nil && first.secondsLeft == nil)
    let second = meter.note([Self.move(300)], now: 12)[0]
    #expect(second.bytesPerSecond == 100 && second.secondsLeft == 7)
    // Only the last seconds count.
    _ = meter.note([Self.move(300)], now: 30)
    let still = meter.note([Self.move(300)], now: 50)[0]
    #expect(still.bytesPerSecond == 0 && still.secondsLeft == nil)
    // A copy that begins anew is not slower than nothing.
    let anew = meter.note([Self.move(0)], now: 51)[0]
    #expect(anew.bytesPerSecond == nil && anew.secondsLeft == nil)
    let queued = meter.note([Self.move(nil, of: nil)], now: 52)[0]
    #expect(queued.bytesPerSecond == nil)
    #expect([first].table.contains("10.0 %") && [queued].table.contains("-"))
  }

  @Test func plansSayWhy() throws {
    let step = MovePlan.Step(
      collection: "photos", number: 2, source: WorkerName("a"),
      target: try #require(WorkerName("b")),
      byteCount: 2048, why: "a is filled to 80 %, b to 10 %")
    let plan = MovePlan(steps: [step], notes: ["a: 1 before"])
    let text = PlanReport(plan, isDryRun: true).text(empty: "none")
    #expect(text.contains("photos          2  a     b   2.0 KiB  a is filled to 80 %, b to 10 %\n"))
    #expect(text.hasSuffix("a: 1 before\nthis would be 1 move of 2.0 KiB\n"))
    #expect(
      PlanReport(MovePlan(steps: [], notes: []), isDryRun: false).text(empty: "none") == "none\n")
  }

  @Test func errorsNameTheCoordinatorOnce() throws {
    let address = try #require(CoordinatorAddress("h:7700"))
    let gone = CommandError(
      ServiceError(.unavailable, "nobody answers at h:7700: refused"), coordinator: address)
    #expect(gone.status == .unavailable && gone.message == "nobody answers at h:7700: refused")
    #expect(gone.hint?.contains("thumbprint-coordinator") == true)
    let late = CommandError(
      ServiceError(.deadlineExceeded, "no answer in time"), coordinator: address)
    #expect(late.message.contains("h:7700") && late.hint?.contains("--timeout") == true)
    let other = CommandError(
      ServiceError(.notFound, "there is no move 7", hint: "x"), coordinator: address)
    #expect(other.status == .usage && other.message == "there is no move 7" && other.hint == "x")
  }

  @Test func whatWasNotWaitedForIsNoFailure() throws {
    let address = try #require(CoordinatorAddress("h:7700"))
    let error = CommandError(ServiceError(.cancelled, "no answer was there"), coordinator: address)
    #expect(error.status == .interrupted)
    #expect(error.text(verbose: false).hasPrefix("thumbprint: stopped: the coordinator at h:7700"))
  }
}
