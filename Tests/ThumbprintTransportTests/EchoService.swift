import Logging
import NIOCore
import NIOPosix
import Synchronization
import ThumbprintCodes
import ThumbprintTransport
import ThumbprintWire

/// A server of tests: answers fetches by their ids, forgets, waits or fails when told so.
final class EchoService: FrameService {
  struct Log {
    var refused = 0
    var disconnected: [Peer] = []
    var cancelled: [UInt64] = []
    var held: [ServerRequest] = []
  }

  let log = Mutex(Log())

  func greet(_ hello: Hello) throws(ServiceError) -> Welcome {
    do {
      try hello.check(cluster: nil, coder: CoderIdentity("right"), roles: [.client])
    } catch {
      log.withLock { $0.refused += 1 }
      throw error
    }
    return Welcome(role: .worker, name: WorkerName("echo"), program: "echo")
  }

  /// What the first id of a fetch asks for.
  enum Wish: UInt64 {
    case echo, hold, forget, fail, huge
  }

  func handle(_ request: ServerRequest) {
    let fetch: FetchRequest
    do throws(ServiceError) {
      guard request.frame.header.type == .fetch else {
        throw ServiceError(.unknownMessage, "only fetches are answered")
      }
      fetch = try FetchRequest.decoded(request.frame.body)
    } catch {
      return request.fail(error)
    }
    switch Wish(rawValue: fetch.ids[0].rawValue) {
    case .hold:
      let id = request.frame.header.requestID
      request.onCancel { self.log.withLock { $0.cancelled.append(id) } }
      log.withLock { $0.held.append(request) }
    case .forget: break
    case .fail: request.fail(ServiceError(.notHere, "not on this worker"))
    case .huge:
      request.answer(
        type: .fetchReply, body: [UInt8](repeating: 0, count: WireLimits.bodyByteCountMax + 1))
    default:
      var builder = RowColumnsBuilder(parts: [])
      for id in fetch.ids {
        builder.append(Record(id: id, feature: FeatureCode(), image: ImageCode()))
      }
      request.answer(FetchReply(rows: builder.columns()))
    }
  }

  func disconnected(_ peer: Peer) { log.withLock { $0.disconnected.append(peer) } }
}

extension FetchRequest {
  init(_ wish: EchoService.Wish, _ more: [UInt64] = []) {
    self.init(
      collection: CollectionID(high: 1, low: 1),
      ids: ([wish.rawValue] + more).map { ItemID($0) }, parts: [])
  }
}

/// A server with its service, a group of loops, and the lines that it logged.
struct Bench {
  let service = EchoService()
  let lines = LogLines()
  let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  let server: FrameServer

  init(
    _ limits: TransportLimits = TransportLimits(), security: TransportSecurity? = nil
  ) async throws {
    let lines = lines
    server = try await FrameServer.bind(
      host: "127.0.0.1", port: 0, group: group, service: service, limits: limits,
      security: security, logger: Logger(label: "test") { _ in lines })
  }

  func connect(
    _ hello: Hello = Hello(role: .client, program: "test"),
    limits: TransportLimits = TransportLimits(), port: Int? = nil
  ) async throws -> WireConnection {
    try await WireConnection.connect(
      host: "127.0.0.1", port: port ?? server.port, hello: hello, group: group, limits: limits)
  }

  /// A connection that says what it is told, frame or not, and collects what comes back.
  func raw() async throws -> RawPeer {
    let collector = RawPeer.Collector()
    let channel = try await ClientBootstrap(group: group)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(RawPeer.Handler(collector))
        }
      }
      .connect(host: "127.0.0.1", port: server.port).get()
    return RawPeer(channel: channel, collector: collector)
  }

  func end() async throws {
    await server.shutDown(within: .milliseconds(100))
    try await group.shutdownGracefully()
  }
}

struct RawPeer {
  final class Collector: Sendable {
    let bytes = Mutex<[UInt8]>([])
  }

  final class Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let collector: Collector

    init(_ collector: Collector) { self.collector = collector }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let buffer = unwrapInboundIn(data)
      collector.bytes.withLock { $0 += Array(buffer.readableBytesView) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }
  }

  let channel: any Channel
  let collector: Collector

  func write(_ bytes: [UInt8]) async {
    try? await channel.writeAndFlush(ByteBuffer(bytes: bytes))
  }

  /// All that came until the server closed the connection.
  func untilClosed() async throws -> [UInt8] {
    try await channel.closeFuture.get()
    return collector.bytes.withLock { $0 }
  }
}

/// Collects what is logged at `notice` and above.
final class LogLines: LogHandler, Sendable {
  let lines = Mutex<[String]>([])

  var metadata: Logger.Metadata {
    get { [:] }
    set { _ = newValue }
  }
  var logLevel: Logger.Level {
    get { .notice }
    set { _ = newValue }
  }
  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { nil }
    set { _ = newValue }
  }

  func log(event: LogEvent) {
    let metadata = event.metadata ?? [:]
    let fields = metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    lines.withLock { $0.append("\(event.message) \(fields.joined(separator: " "))") }
  }

  var all: [String] { lines.withLock { $0 } }
}
