import ThumbprintCluster

/// Threads for work that needs the processor, one for each core: queries, and what may wait.
///
/// Queries go first, but not for ever: after a number of them one piece of the other work gets its
/// turn.
final class WorkPool: Sendable {
  enum Lane: Sendable {
    /// Someone waits for an answer now.
    case query
    /// Rows to be prepared, copies to be read.
    case bulk
  }

  private struct Job: Sendable {
    var deadline: MonotonicInstant?
    /// Told whether there is still time.
    var body: @Sendable (Bool) -> Void
  }

  private struct State {
    var queries = Fifo<Job>()
    var bulk = Fifo<Job>()
    /// Queries begun since other work was.
    var queriesInARow = 0
    var isClosed = false
    var runningThreadCount: Int

    mutating func next() -> Job? {
      if queriesInARow >= WorkPool.queriesInARowMax || queries.isEmpty, let job = bulk.pop() {
        queriesInARow = 0
        return job
      }
      queriesInARow += 1
      return queries.pop()
    }
  }

  private static let queriesInARowMax = 16

  let threadCount: Int
  /// The most jobs that wait in one lane.
  private let waitingCountMax: Int
  private let state: Monitor<State>

  init(name: String, threadCount: Int, waitingCountMax: Int) {
    self.threadCount = threadCount
    self.waitingCountMax = waitingCountMax
    state = Monitor(State(runningThreadCount: threadCount))
    for number in 0..<threadCount {
      OwnThread.start("\(name)-\(number)") { [state] in Self.run(state) }
    }
  }

  private static func run(_ state: Monitor<State>) {
    while true {
      let job: Job?? = state.wait { state in
        if let job = state.next() { return .some(job) }
        return state.isClosed ? .some(nil) : nil
      }
      guard let job = job ?? nil else { break }
      job.body(job.deadline.map { $0 > .now } ?? true)
    }
    state.change { $0.runningThreadCount -= 1 }
  }

  /// Has `body` run on one of the threads, and tells it whether the deadline has passed by then.
  ///
  /// - Returns: Whether there was room; if not, or once the pool is closed, nothing is run.
  func submit(
    _ lane: Lane, deadline: MonotonicInstant? = nil, _ body: @escaping @Sendable (Bool) -> Void
  ) -> Bool {
    let waitingCountMax = waitingCountMax
    return state.change(wakingOne: true) { state in
      let count = lane == .query ? state.queries.count : state.bulk.count
      if state.isClosed || count >= waitingCountMax { return false }
      let job = Job(deadline: deadline, body: body)
      if lane == .query { state.queries.push(job) } else { state.bulk.push(job) }
      return true
    }
  }

  /// Ends the threads once they have done what was submitted, and waits for that.
  func close() {
    state.change { $0.isClosed = true }
    _ = state.wait { $0.runningThreadCount == 0 ? true : nil }
  }
}

/// First in, first out.
struct Fifo<Element> {
  private var elements: [Element?] = []
  private var head = 0

  var count: Int { elements.count - head }
  var isEmpty: Bool { count == 0 }
  var first: Element? { isEmpty ? nil : elements[head] }

  mutating func push(_ element: Element) { elements.append(element) }

  mutating func pop() -> Element? {
    guard !isEmpty else { return nil }
    let element = elements[head]
    elements[head] = nil
    head += 1
    if head == elements.count {
      elements.removeAll(keepingCapacity: true)
      head = 0
    } else if head > 256, head > elements.count / 2 {
      elements.removeFirst(head)
      head = 0
    }
    return element
  }
}

extension Fifo: Sendable where Element: Sendable {}
