import Dispatch
import Synchronization
import ThumbprintClient
import ThumbprintTransport
import ThumbprintWire

/// A coordinator, for commands, which wait for each answer.
final class ClusterSession: Sendable {
  let address: CoordinatorAddress
  let client: ClusterClient

  private init(address: CoordinatorAddress, client: ClusterClient) {
    self.address = address
    self.client = client
  }

  /// Calls `body` with a connection, and closes it whatever happens. Errors of the cluster are
  /// turned into such as name the coordinator.
  static func with<R>(
    _ address: CoordinatorAddress, timeout: Duration, security: PeerSecurity?,
    _ body: (ClusterSession) throws -> R
  ) throws -> R {
    let client: ClusterClient
    do {
      client = try wait {
        try await ClusterClient.connect(
          host: address.host, port: address.port,
          program: "thumbprint \(ThumbprintVersion.number)", timeout: timeout,
          security: security)
      }
    } catch let error as ServiceError {
      throw CommandError(error, coordinator: address)
    }
    defer { wait { await client.close() } }
    do {
      return try body(ClusterSession(address: address, client: client))
    } catch let error as ServiceError {
      throw CommandError(error, coordinator: address)
    }
  }

  /// Has the coordinator carry out an operation.
  func run<Operation: AdminOperation>(_ operation: Operation) throws -> Operation.Result {
    let client = client
    return try Self.wait { try await client.run(operation) }
  }

  /// Asks the coordinator for something.
  func ask<Request: WireRequest>(_ request: Request) throws -> Request.Reply {
    let client = client
    return try Self.wait { try await client.ask(request) }
  }

  /// The collection of that name; an error that names the flag when there is none.
  func named(_ name: String, flag: String) throws -> ClusterCollection {
    do {
      let client = client
      return ClusterCollection(
        session: self, collection: try Self.wait { try await client.collection(name) })
    } catch let error as ServiceError where [.notFound, .invalid].contains(error.code) {
      return try CommandError.naming(flag) { throw error }
    }
  }

  /// Runs `body` on another thread and blocks this one, which must not be one that runs tasks.
  ///
  /// - Throws: `cancelled` if the user asked to stop and nothing has come for a second since.
  static func wait<R: Sendable>(
    _ body: @escaping @Sendable () async throws -> R
  ) throws -> R {
    try wait { (_: Void) in
    } until: { _ in
      try await body()
    }
  }

  /// The same, handing on here what `body` tells on its way.
  static func wait<R: Sendable, News: Sendable>(
    _ hear: (News) -> Void,
    until body: @escaping @Sendable (@escaping @Sendable (News) -> Void) async throws -> R
  ) throws -> R {
    let answer = Answer<R>()
    let letter = Letter<News>()
    let task = Task {
      do {
        answer.end(.success(try await body { letter.write($0) }))
      } catch {
        answer.end(.failure(error))
      }
    }
    // Moments without news since the user asked to stop.
    var silentCount = 0
    while true {
      let result = answer.value(within: pauseMilliseconds)
      if let news = letter.read() {
        hear(news)
        silentCount = 0
      }
      if let result { return try result.get() }
      guard Interrupt.isRequested else { continue }
      silentCount += 1
      guard silentCount * pauseMilliseconds >= patienceMilliseconds else { continue }
      task.cancel()
      // Requests that are taken back end at once.
      guard case .success(let value) = answer.value else {
        throw ServiceError(.cancelled, "no answer was there when this command was asked to stop")
      }
      return value
    }
  }

  private static let pauseMilliseconds = 50
  /// How long an answer is waited for that the user does not want to wait for: most come within
  /// this time, and then it is known what was done.
  private static let patienceMilliseconds = 1000

  static func wait(_ body: @escaping @Sendable () async -> Void) {
    let answer = Answer<Void>()
    Task {
      await body()
      answer.end(.success(()))
    }
    _ = answer.value
  }
}

/// What a task leaves for the thread that waits for it.
private final class Answer<Value: Sendable>: Sendable {
  private let result = Mutex<Result<Value, any Error>?>(nil)
  private let isThere = DispatchSemaphore(value: 0)

  func end(_ value: Result<Value, any Error>) {
    result.withLock { $0 = value }
    isThere.signal()
  }

  var value: Result<Value, any Error> {
    isThere.wait()
    guard let value = result.withLock({ $0 }) else {
      preconditionFailure("signalled without a result")
    }
    return value
  }

  /// `nil` if it is not there in time.
  func value(within milliseconds: Int) -> Result<Value, any Error>? {
    guard isThere.wait(timeout: .now() + .milliseconds(milliseconds)) == .success else {
      return nil
    }
    return result.withLock { $0 }
  }
}

/// The last that was told, until it is read.
private final class Letter<News: Sendable>: Sendable {
  private let news = Mutex<News?>(nil)

  func write(_ news: News) { self.news.withLock { $0 = news } }

  func read() -> News? {
    news.withLock { news in
      defer { news = nil }
      return news
    }
  }
}

extension CommandError {
  init(_ error: ServiceError) {
    self.init(
      ExitStatus(rawValue: error.code.exitStatus) ?? .internalError, error.message,
      hint: error.hint, cause: "cluster error '\(error.code)'")
  }

  /// The same, saying whom it is about when the trouble is with the coordinator itself.
  package init(_ error: ServiceError, coordinator: CoordinatorAddress) {
    self.init(error)
    let namesIt = error.message.contains("\(coordinator.host):\(coordinator.port)")
    guard hint == nil else { return }
    switch error.code {
    case .cancelled:
      message = "the coordinator at \(coordinator): \(error.message)"
      hint = "what was asked for last may have been done or not"
    case .deadlineExceeded:
      message = "the coordinator at \(coordinator): \(error.message)"
      hint = "try again, or wait longer with --timeout"
    case .unavailable where namesIt, .disconnected where namesIt, .refused where namesIt,
      .malformed where namesIt, .tooSlow where namesIt:
      hint =
        "is thumbprint-coordinator running there? Check --coordinator and "
        + CoordinatorOptions.variable
    case .disconnected: hint = "run the same command again"
    default: break
    }
  }
}
