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

/// Who may change things over HTTP.
public enum GatewayAccess: String, Sendable {
  case full = "full"
  case readOnly = "read-only"
}

/// The HTTP/JSON API of a coordinator and its web page.
///
/// It is a client of its coordinator like any other: what is asked here goes through the same
/// connection, limits and checks as what comes over the binary protocol.
public final class Gateway: Sendable {
  typealias Context = BasicRequestContext
  typealias Question = Endpoint.Question

  let client: ClusterClient
  /// `nil` if this coordinator codes and shows no pictures.
  let pictures: PictureDesk?
  let access: GatewayAccess
  let picturesHeld = ByteBudget(GatewayLimits.picturesHeldByteCountMax, "pictures")
  let recordsHeld = ByteBudget(GatewayLimits.recordsHeldByteCountMax, "records")
  let writers = Slots(GatewayLimits.writerCountMax, "bodies of records are being written")
  let samples = SampleFrames()

  /// - Parameter client: Of the coordinator that this process is.
  public init(client: ClusterClient, pictures: PictureDesk?, access: GatewayAccess) {
    self.client = client
    self.pictures = pictures
    self.access = access
  }

  /// The gateway of the coordinator that listens at an address of this machine.
  ///
  /// - Parameters:
  ///   - model: The path of a model, `none`, or `nil` for the one of this installation.
  ///   - security: Of the coordinator.
  /// - Throws: `ServiceError`: `invalid` about the model, and what connecting throws.
  public convenience init(
    of host: String, port: Int, model: String?, access: GatewayAccess,
    security: TransportSecurity? = nil, logger: Logger
  ) async throws {
    let pictures = try Self.desk(model, logger)
    let anyHost = ["0.0.0.0": "127.0.0.1", "::": "::1"]
    let client = try await ClusterClient.connect(
      host: anyHost[host] ?? host, port: port, program: Daemon.program("thumbprint-gateway"),
      security: security.map { PeerSecurity(toItself: $0) })
    self.init(client: client, pictures: pictures, access: access)
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
    var methods: [String: Set<HTTPRequest.Method>] = [:]
    for endpoint in Endpoint.all {
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
    let parameters = try QueryParameters(request, known: endpoint.parameters)
    return try await endpoint.answer(
      self, Question(request: request, context: context, parameters: parameters))
  }

  // MARK: What requests say

  /// A part of the path, with what was escaped in it.
  func name(_ question: Question, _ key: String) throws(ServiceError) -> String {
    let text = question.context.parameters.get(key)?.removingPercentEncoding
    guard let text, !text.isEmpty else {
      throw ServiceError(.invalid, "the \(key) in the path is not escaped as it should be")
    }
    return text
  }

  func collection(_ question: Question) async throws(ServiceError) -> RemoteCollection {
    try await client.collection(try name(question, "collection"))
  }

  /// The body of a request, whole, and in time.
  ///
  /// - Parameter share: Of the bytes that may be held at once, if it is one of the large ones.
  func body(
    _ request: Request, byteCountMax: Int, share: ByteBudget.Share? = nil
  ) async throws -> [UInt8] {
    let bytes = try await withThrowingTaskGroup(of: [UInt8]?.self) { group in
      group.addTask {
        var bytes: [UInt8] = []
        for try await part in request.body {
          guard bytes.count + part.readableBytes <= byteCountMax else {
            throw ServiceError(
              .tooLarge, "the body of the request has more than \(byteCountMax) bytes")
          }
          try share?.take(part.readableBytes)
          bytes += part.readableBytesView
        }
        return bytes
      }
      group.addTask {
        try await Task.sleep(for: .seconds(GatewayLimits.bodySeconds))
        return nil
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
    guard let bytes else {
      throw ServiceError(
        .tooSlow, "the body of the request took longer than \(GatewayLimits.bodySeconds) s")
    }
    return bytes
  }

  /// The body of a request as JSON.
  func jsonBody<Body: RequestBody>(
    _ request: Request, as type: Body.Type,
    byteCountMax: Int = GatewayLimits.jsonByteCountMax, share: ByteBudget.Share? = nil
  ) async throws -> Body {
    guard Self.mediaType(request) == AnswerJSON.type else {
      throw ServiceError(.invalid, "the content type has to be application/json")
    }
    let bytes = try await body(request, byteCountMax: byteCountMax, share: share)
    guard !bytes.isEmpty else {
      throw ServiceError(
        .invalid, "the body of the request is empty", hint: "{} is an object without keys")
    }
    do {
      return try JSONDecoder().decode(Strict<Body>.self, from: Data(bytes)).body
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

  static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
    Response(
      status: status, headers: [.contentType: AnswerJSON.type],
      body: .init(byteBuffer: try AnswerJSON.encode(value)))
  }
}
