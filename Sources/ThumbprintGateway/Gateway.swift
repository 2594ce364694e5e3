import Foundation
import Hummingbird
import Logging
import NIOCore
import Synchronization
import ThumbprintClient
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintMonitoring
import ThumbprintServer
import ThumbprintWire

/// The HTTP/JSON API of a coordinator and its web page.
///
/// It is a client of its coordinator like any other: what is asked here goes through the same
/// connection, limits and checks as what comes over the binary protocol.
public final class Gateway: Sendable {
  typealias Context = BasicRequestContext

  let client: ClusterClient
  /// `nil` if this coordinator codes and shows no pictures.
  let pictures: PictureDesk?
  let isLoopback: Bool
  /// Pictures that are being received or coded.
  let uploadCount = Atomic(0)

  /// - Parameters:
  ///   - client: Of the coordinator that this process is.
  ///   - isLoopback: Whether only this machine can connect: then pages of other names are refused,
  ///     so that a page from elsewhere cannot have a browser ask for it under a name of its own.
  public init(client: ClusterClient, pictures: PictureDesk?, isLoopback: Bool) {
    self.client = client
    self.pictures = pictures
    self.isLoopback = isLoopback
  }

  /// The gateway of the coordinator that listens at an address of this machine.
  ///
  /// - Parameters:
  ///   - model: The path of a model, `none`, or `nil` for the one of this installation.
  ///   - httpHost: Where the HTTP server will listen.
  /// - Throws: `ServiceError`: `invalid` about the model, and what connecting throws.
  public convenience init(
    of host: String, port: Int, model: String?, httpHost: String, logger: Logger
  ) async throws {
    let pictures = try Self.desk(model, logger)
    let anyHost = ["0.0.0.0": "127.0.0.1", "::": "::1"]
    let client = try await ClusterClient.connect(
      host: anyHost[host] ?? host, port: port, program: Daemon.program("thumbprint-gateway"))
    self.init(
      client: client, pictures: pictures,
      isLoopback: ["localhost", "127.0.0.1", "::1"].contains(httpHost))
  }

  private static func desk(_ model: String?, _ logger: Logger) throws -> PictureDesk? {
    if model == "none" { return nil }
    guard let path = model ?? InstalledModel.path else {
      logger.notice("no model came with this program: pictures are neither coded nor shown")
      return nil
    }
    do {
      return try PictureDesk(modelPath: path)
    } catch {
      throw ServiceError(.invalid, "--model: \(error)")
    }
  }

  public func addRoutes(to routes: HTTPServer.Routes) {
    routes.add(middleware: BrowserRules(isLoopback: isLoopback))
    for endpoint in Endpoint.allCases {
      routes.on(RouterPath(endpoint.path), method: endpoint.method) { [self] request, context in
        try await answer(endpoint, request, context)
      }
    }
    for file in PageFile.allCases {
      routes.get(RouterPath(file.path)) { _, _ in file.response }
    }
  }

  private func answer(
    _ endpoint: Endpoint, _ request: Request, _ context: Context
  ) async throws -> Response {
    switch endpoint {
    case .about: try json(about())
    case .openAPI: PageFile.openAPI
    case .listCollections: try json(try await client.collections().map(CollectionAnswer.init))
    case .createCollection: try json(try await createCollection(request), status: .created)
    case .describeCollection:
      try json(CollectionAnswer(try await collection(context).description))
    case .dropCollection:
      try json(try await client.run(DropCollection(collection: name(context, "collection"))))
    case .collectionStats: try json(StatsAnswer(try await collection(context).stats()))
    case .sampleRecords: try json(try await sample(request, context))
    case .records: try json(try await records(request, context))
    case .search: try json(try await search(request, context))
    case .code: try json(try await code(request))
    case .thumbnail: try await thumbnail(context)
    case .clusterStatus: try json(try await client.run(ClusterStatusOperation()))
    case .rebalance: try json(try await rebalance(request))
    case .drain: try json(try await drain(request, context))
    }
  }

  // MARK: What requests say

  /// A part of the path, with what was escaped in it.
  func name(_ context: Context, _ key: String) throws(ServiceError) -> String {
    guard let text = context.parameters.get(key)?.removingPercentEncoding, !text.isEmpty else {
      throw ServiceError(.invalid, "the \(key) in the path is not escaped as it should be")
    }
    return text
  }

  func collection(_ context: Context) async throws(ServiceError) -> RemoteCollection {
    try await client.collection(try name(context, "collection"))
  }

  /// A number that may be in the query of the address.
  func number(
    _ request: Request, _ key: String, in range: ClosedRange<Int>, standard: Int
  ) throws(ServiceError) -> Int {
    guard let text = request.uri.queryParameters[key[...]] else { return standard }
    guard let number = Int(text), range.contains(number) else {
      throw ServiceError(
        .invalid,
        "\(key): '\(text.prefix(32))' is not a number from \(range.lowerBound) to \(range.upperBound)"
      )
    }
    return number
  }

  /// The body of a request, whole, and in time.
  func body(_ request: Request, byteCountMax: Int) async throws -> [UInt8] {
    let buffer = try await withThrowingTaskGroup(of: ByteBuffer?.self) { group in
      group.addTask { try await request.body.collect(upTo: byteCountMax) }
      group.addTask {
        try await Task.sleep(for: .seconds(GatewayLimits.bodySeconds))
        return nil
      }
      defer { group.cancelAll() }
      do {
        return try await group.next() ?? nil
      } catch is NIOTooManyBytesError {
        throw ServiceError(
          .tooLarge, "the body of the request has more than \(byteCountMax) bytes")
      }
    }
    guard let buffer else {
      throw ServiceError(
        .tooSlow, "the body of the request took longer than \(GatewayLimits.bodySeconds) s")
    }
    return Array(buffer.readableBytesView)
  }

  /// The body of a request as JSON; an empty one is `{}`.
  func jsonBody<Value: Decodable>(_ request: Request, as type: Value.Type) async throws -> Value {
    guard request.headers[.contentType]?.hasPrefix("application/json") == true else {
      throw ServiceError(.invalid, "the content type has to be application/json")
    }
    let bytes = try await body(request, byteCountMax: GatewayLimits.jsonByteCountMax)
    do {
      return try JSONDecoder().decode(type, from: Data(bytes.isEmpty ? Array("{}".utf8) : bytes))
    } catch let error as DecodingError {
      throw ServiceError(.invalid, "the body of the request: \(error.line)")
    } catch let error as ServiceError {
      throw error
    } catch {
      throw ServiceError(.invalid, "the body of the request is not JSON")
    }
  }

  // MARK: What answers say

  func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return Response(
      status: status,
      headers: [.contentType: "application/json", .cacheControl: "no-store"],
      body: .init(byteBuffer: ByteBuffer(bytes: try encoder.encode(value))))
  }
}

extension DecodingError {
  /// What was expected and where, in one line.
  fileprivate var line: String {
    let (context, what): (Context, String) =
      switch self {
      case .typeMismatch(let type, let context): (context, "\(type) is expected")
      case .valueNotFound(let type, let context): (context, "\(type) is missing")
      case .keyNotFound(let key, let context): (context, "'\(key.stringValue)' is missing")
      case .dataCorrupted(let context):
        (context, context.codingPath.isEmpty ? "is not JSON" : context.debugDescription)
      @unknown default: (Context(codingPath: [], debugDescription: ""), "cannot be read")
      }
    let place = context.codingPath.map(\.stringValue).joined(separator: ".")
    return String((place.isEmpty ? what : "\(place): \(what)").prefix(256))
  }
}
