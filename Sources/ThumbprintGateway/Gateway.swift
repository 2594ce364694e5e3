import Foundation
import Hummingbird
import Logging
import NIOCore
import ThumbprintClient
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintMonitoring
import ThumbprintServer
import ThumbprintTransport
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
  let access: GatewayAccess
  let names: ServerNames
  let uploads = Slots(GatewayLimits.uploadCountMax, "pictures are being received")
  let writers = Slots(GatewayLimits.writerCountMax, "bodies of records are being received")
  let samples = SampleFrames()

  /// - Parameters:
  ///   - client: Of the coordinator that this process is.
  ///   - names: Those that it goes by; see ``ServerNames`` on what others are refused.
  public init(
    client: ClusterClient, pictures: PictureDesk?, access: GatewayAccess, names: ServerNames
  ) {
    self.client = client
    self.pictures = pictures
    self.access = access
    self.names = names
  }

  /// The gateway of the coordinator that listens at an address of this machine.
  ///
  /// - Parameters:
  ///   - model: The path of a model, `none`, or `nil` for the one of this installation.
  ///   - names: Those of the HTTP server.
  ///   - security: Of the coordinator.
  /// - Throws: `ServiceError`: `invalid` about the model, and what connecting throws.
  public convenience init(
    of host: String, port: Int, model: String?, access: GatewayAccess, names: ServerNames,
    security: TransportSecurity? = nil, logger: Logger
  ) async throws {
    let pictures = try Self.desk(model, logger)
    let anyHost = ["0.0.0.0": "127.0.0.1", "::": "::1"]
    let client = try await ClusterClient.connect(
      host: anyHost[host] ?? host, port: port, program: Daemon.program("thumbprint-gateway"),
      security: security.map { PeerSecurity(toItself: $0) })
    self.init(client: client, pictures: pictures, access: access, names: names)
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

  /// The files of the page, which hold no secret and ask for the token themselves.
  public static var pagePaths: Set<String> { Set(PageFile.allCases.map(\.path)) }

  public func addRoutes(to routes: HTTPServer.Routes) {
    routes.add(middleware: BrowserRules(names: names))
    var methods: [String: Set<HTTPRequest.Method>] = [:]
    for endpoint in Endpoint.allCases {
      methods[endpoint.path, default: []].insert(endpoint.method)
      routes.on(RouterPath(endpoint.path), method: endpoint.method) { [self] request, context in
        try await answer(endpoint, request, context)
      }
    }
    for file in PageFile.allCases {
      methods[file.path] = [.get]
      routes.get(RouterPath(file.path)) { _, _ in file.response }
    }
    for (path, allowed) in methods { Self.refuseOthers(than: allowed, at: path, routes) }
  }

  /// What is asked in another way than a path answers is told which ways there are.
  private static func refuseOthers(
    than methods: Set<HTTPRequest.Method>, at path: String, _ routes: HTTPServer.Routes
  ) {
    var allowed = methods
    // The router answers HEAD where it answers GET.
    if methods.contains(.get) { allowed.insert(.head) }
    let list = allowed.map(\.rawValue).sorted().joined(separator: ", ")
    let all: [HTTPRequest.Method?] = [
      .get, .head, .post, .put, .patch, .delete, .options, .trace, .init("QUERY"),
    ]
    for method in Set(all.compactMap(\.self)).subtracting(allowed) {
      routes.on(RouterPath(path), method: method) { request, context in
        let error = ServiceError(
          .unknownMessage,
          "'\(request.uri.path.prefix(256))' does not answer \(request.method.rawValue)",
          hint: "it answers \(list)")
        var response = ErrorAnswers<Context>.response(error, requestID: context.id)
        response.status = .methodNotAllowed
        response.headers[.allow] = list
        return response
      }
    }
  }

  private func answer(
    _ endpoint: Endpoint, _ request: Request, _ context: Context
  ) async throws -> Response {
    if endpoint.isChange, access == .readOnly {
      throw ServiceError(
        .refused, "this coordinator answers only reads over HTTP",
        hint: "see its setting --http-access; other programs may write")
    }
    return switch endpoint {
    case .about: try json(about())
    case .openAPI: PageFile.openAPI
    case .listCollections: try json(try await client.collections().map(CollectionAnswer.init))
    case .createCollection: try json(try await createCollection(request), status: .created)
    case .describeCollection:
      try json(CollectionAnswer(try await collection(context).description))
    case .updateCollection: try json(try await updateCollection(request, context))
    case .dropCollection:
      try json(try await client.run(DropCollection(collection: name(context, "collection"))))
    case .collectionStats: try json(StatsAnswer(try await collection(context).stats()))
    case .sampleRecords: try json(try await sample(request, context))
    case .scrollRecords: try json(try await scroll(request, context))
    case .records: try json(try await records(request, context))
    case .upsertRecords: try json(try await upsert(request, context))
    case .deleteRecords: try json(try await delete(request, context))
    case .record: try json(try await record(context))
    case .deleteRecord: try json(try await deleteOne(context))
    case .addPicture: try json(try await addPicture(request, context))
    case .search: try json(try await search(request, context))
    case .code: try json(try await code(request))
    case .thumbnail: try await thumbnail(context)
    case .clusterStatus: try json(try await client.run(ClusterStatusOperation()))
    case .rebalance: try json(try await rebalance(request))
    case .setBandwidth: try json(try await setBandwidth(request))
    case .drain: try json(try await drain(request, context))
    case .removeWorker: try json(try await removeWorker(context))
    case .abortMove: try json(try await abortMove(context))
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
  func jsonBody<Body: RequestBody>(
    _ request: Request, as type: Body.Type,
    byteCountMax: Int = GatewayLimits.jsonByteCountMax
  ) async throws -> Body {
    guard Self.mediaType(request) == "application/json" else {
      throw ServiceError(.invalid, "the content type has to be application/json")
    }
    let bytes = try await body(request, byteCountMax: byteCountMax)
    do {
      return try JSONDecoder().decode(
        Strict<Body>.self, from: Data(bytes.isEmpty ? Array("{}".utf8) : bytes)
      ).body
    } catch let error as DecodingError {
      throw ServiceError(.invalid, "the body of the request: \(error.line)")
    } catch let error as ServiceError {
      throw error
    } catch {
      throw ServiceError(.invalid, "the body of the request is not JSON")
    }
  }

  /// What a body is said to be, without its parameters.
  static func mediaType(_ request: Request) -> String {
    let text = request.headers[.contentType] ?? ""
    return text.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased()
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
      case .typeMismatch(let type, let context): (context, "\(Self.name(of: type)) is expected")
      case .valueNotFound(let type, let context): (context, "\(type) is missing")
      case .keyNotFound(let key, let context): (context, "'\(key.stringValue)' is missing")
      case .dataCorrupted(let context):
        // Foundation says the same of what is no JSON and of numbers that no type holds.
        (
          context,
          context.debugDescription.contains("not valid JSON")
            ? "is not JSON, or a number in it is out of range" : context.debugDescription
        )
      @unknown default: (Context(codingPath: [], debugDescription: ""), "cannot be read")
      }
    let place = context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }
      .joined(separator: ".")
    return String((place.isEmpty ? what : "\(place): \(what)").prefix(256))
  }

  private static func name(of type: any Any.Type) -> String {
    if type is [String: Any].Type { return "an object" }
    return type is [Any].Type ? "an array" : "\(type)"
  }
}
