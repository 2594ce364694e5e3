import NIOCore
import NIOPosix
import Synchronization
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

/// A cluster, asked through its coordinator.
///
/// Any task may call. A call that fails with a retryable `ServiceError` may be made again: writes
/// that were carried out already do nothing the second time.
public final class ClusterClient: Sendable {
  /// `HOST:PORT` of the coordinator.
  public let address: String
  /// How long a call may take.
  public let timeout: Duration
  private let peer: WirePeer
  /// `nil` if the threads are somebody else's.
  private let ownGroup: MultiThreadedEventLoopGroup?

  /// Says hello to a coordinator.
  ///
  /// - Parameters:
  ///   - program: Name and version of the caller, for the logs of the coordinator.
  ///   - coder: The coder of all codes that will be sent; `nil` not to say.
  ///   - security: What to show and to believe; `nil` for a cluster without TLS.
  ///   - group: The threads of the connection; `nil` for one of its own.
  /// - Throws: `unavailable` if nobody answers; what the coordinator refuses with.
  public static func connect(
    host: String, port: Int, program: String, coder: CoderIdentity? = nil,
    timeout: Duration = .seconds(60), security: PeerSecurity? = nil,
    group: (any EventLoopGroup)? = nil
  ) async throws(ServiceError) -> ClusterClient {
    let client = ClusterClient(
      host: host, port: port, program: program, coder: coder, timeout: timeout,
      security: security, group: group)
    do throws(ServiceError) {
      _ = try await client.peer.ask(Ping(token: 0), timeout: .seconds(5))
    } catch {
      await client.close()
      throw error
    }
    return client
  }

  private init(
    host: String, port: Int, program: String, coder: CoderIdentity?, timeout: Duration,
    security: PeerSecurity?, group: (any EventLoopGroup)?
  ) {
    address = "\(host):\(port)"
    self.timeout = timeout
    ownGroup = group == nil ? MultiThreadedEventLoopGroup(numberOfThreads: 1) : nil
    let threads: any EventLoopGroup = group ?? ownGroup ?? MultiThreadedEventLoopGroup.singleton
    peer = WirePeer(host: host, port: port, group: threads, security: security) {
      Hello(role: .client, coder: coder, program: program)
    }
  }

  /// Ends the connection; calls after this fail.
  public func close() async {
    peer.close()
    try? await ownGroup?.shutdownGracefully()
  }

  /// Asks the coordinator for something, and waits for what it says.
  ///
  /// - Parameter time: How long, if not ``timeout``.
  public func ask<Request: WireRequest>(
    _ request: Request, within time: Duration? = nil
  ) async throws(ServiceError) -> Request.Reply {
    let (seconds, attoseconds) = (time ?? timeout).components
    return try await peer.ask(
      request, timeout: .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000))
  }

  /// Has the coordinator carry out an operation.
  public func run<Operation: AdminOperation>(
    _ operation: Operation
  ) async throws(ServiceError) -> Operation.Result {
    try await ask(AdminRequest(operation)).result(of: Operation.self)
  }

  // MARK: Collections

  /// All collections, by name.
  public func collections() async throws(ServiceError) -> [CollectionDescription] {
    try await run(ListCollections())
  }

  /// The collection of a name.
  ///
  /// - Throws: `notFound` if there is none.
  public func collection(_ name: String) async throws(ServiceError) -> RemoteCollection {
    RemoteCollection(client: self, description: try await run(DescribeCollection(collection: name)))
  }

  /// Makes a collection that can be written to at once.
  ///
  /// - Parameters:
  ///   - shardCount: 1 to 1,024, for good; `nil` for 8.
  ///   - replicationFactor: 1 to 7, on as many workers; `nil` for 2, or 1 where there is one worker.
  ///   - tableCount: 0, 64 or 128 hash tables per segment; `nil` for 128.
  public func createCollection(
    _ name: String, shardCount: Int? = nil, replicationFactor: Int? = nil,
    tableCount: Int? = nil, coder: CoderIdentity? = nil
  ) async throws(ServiceError) -> RemoteCollection {
    RemoteCollection(
      client: self,
      description: try await run(
        CreateCollection(
          collection: name, shardCount: shardCount, replicationFactor: replicationFactor,
          tableCount: tableCount, coder: coder)))
  }
}
