import NIOCore
import Testing
import ThumbprintMonitoring

/// Which connections make room for others, by a clock that the tests set.
@Suite struct ConnectionRoomTests {
  private var room = ConnectionRoom<Int>(countMax: 4, patience: .seconds(1))

  private func at(_ milliseconds: Int64) -> NIODeadline {
    .uptimeNanoseconds(0) + .milliseconds(1_000_000 + milliseconds)
  }

  /// One has to be free for the next.
  @Test mutating func nobodyEndsWhileThereIsRoom() {
    for id in 0..<3 { room.opened(id, at: at(0)) }
    let (ending, again) = room.makeRoom(at: at(5000))
    #expect(ending == [] && again == nil)
  }

  @Test mutating func theLongestSilentEndsOnceItHadItsTime() {
    for id in 0..<4 { room.opened(id, at: at(Int64(10 * id))) }
    let (none, again) = room.makeRoom(at: at(999))
    #expect(none == [] && again == at(1000))
    #expect(room.makeRoom(at: at(1000)).ending == [0])
    room.closed(0)
    #expect(room.makeRoom(at: at(5000)).ending == [])
  }

  @Test mutating func whoWasAnsweredMakesRoomBeforeNewcomers() {
    for id in 0..<4 { room.opened(id, at: at(0)) }
    room.isBusy(2)
    room.isIdle(2, at: at(500))
    #expect(room.makeRoom(at: at(500)).ending == [2])
  }

  @Test mutating func whoWasSilentForLongEndsBeforeWhoWasAnswered() {
    for id in 0..<4 { room.opened(id, at: at(0)) }
    room.isBusy(0)
    room.isIdle(0, at: at(2000))
    room.isBusy(1)
    let (ending, again) = room.makeRoom(at: at(2000))
    #expect(ending.count == 1 && again == nil)
    #expect(ending == [2] || ending == [3])
  }

  @Test mutating func nobodyEndsWhoWaitsForAnAnswer() {
    for id in 0..<4 { room.opened(id, at: at(0)) }
    for id in 0..<4 { room.isBusy(id) }
    let (ending, again) = room.makeRoom(at: at(100_000))
    #expect(ending == [] && again == nil)
  }

  @Test mutating func whoLeavesHasTimeToHearWhy() {
    for id in 0..<4 { room.opened(id, at: at(0)) }
    for id in 0..<4 { room.isBusy(id) }
    room.isLeaving(3, at: at(100))
    let (none, again) = room.makeRoom(at: at(100))
    #expect(none == [] && again == at(1100))
    #expect(room.makeRoom(at: at(1100)).ending == [3])
  }

  /// More than the most may be let in at once, and nobody comes later who would ask again.
  @Test mutating func asManyEndAsAreTooMany() {
    for id in 0..<7 { room.opened(id, at: at(Int64(100 * id))) }
    let (ending, again) = room.makeRoom(at: at(1150))
    #expect(ending == [0, 1] && again == at(1200))
    // They are counted until they are closed, and not told twice.
    #expect(room.makeRoom(at: at(1150)).ending == [])
    room.closed(0)
    room.closed(1)
    #expect(room.makeRoom(at: at(9000)).ending == [2, 3])
  }

  /// The end of a connection and of its answer may be told in any order.
  @Test mutating func whatIsClosedStaysClosed() {
    for id in 0..<4 { room.opened(id, at: at(0)) }
    room.closed(0)
    room.isIdle(0, at: at(0))
    room.isLeaving(0, at: at(0))
    room.isBusy(0)
    #expect(room.makeRoom(at: at(9000)).ending == [])
  }
}
