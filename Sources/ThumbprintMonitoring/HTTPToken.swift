import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOPosix
import Synchronization
import ThumbprintTransport
import ThumbprintWire

/// The secret that whoever asks over HTTP has to know, from a file of one line.
///
/// The file is read again when it has changed, which each request looks at; a file that is not as it
/// should be leaves the earlier secret in force. Any thread may use it.
public final class HTTPToken: Sendable {
  /// Characters of a token: fewer can be guessed.
  public static let characterCountRange = 16...256

  private let path: String
  private let logger: Logger
  private let state: Mutex<State>

  private struct State {
    var stamp: FileStamp
    var secret: [UInt8]
  }

  /// - Throws: `invalid` for a file that cannot be read, or holds no token.
  public init(path: String, logger: Logger) throws(ServiceError) {
    self.path = path
    self.logger = logger
    state = Mutex(State(stamp: FileStamp(path), secret: try Self.read(path)))
  }

  private static func read(_ path: String) throws(ServiceError) -> [UInt8] {
    let setting = "--http-token-file"
    var bytes = try SmallFile.read(path, setting: setting)
    while let last = bytes.last, [10, 13, 32].contains(last) { bytes.removeLast() }
    guard characterCountRange.contains(bytes.count),
      bytes.allSatisfy({ (0x21...0x7E).contains($0) })
    else {
      throw ServiceError(
        .invalid,
        "\(setting): '\(path)' has to be one line of \(characterCountRange.lowerBound) to "
          + "\(characterCountRange.upperBound) visible ASCII characters",
        hint: "openssl rand -hex 32 > FILE")
    }
    return bytes
  }

  private var secret: [UInt8] {
    let stamp = FileStamp(path)
    return state.withLock { state in
      guard stamp != state.stamp else { return state.secret }
      state.stamp = stamp
      do throws(ServiceError) {
        state.secret = try Self.read(path)
        logger.notice("HTTP token read again", metadata: ["file": "\(path)"])
      } catch {
        logger.warning("the earlier HTTP token stays", metadata: ["why": "\(error.message)"])
      }
      return state.secret
    }
  }

  /// Whether a request brings the token: `Authorization: Bearer TOKEN`.
  func isIn(_ request: Request) -> Bool {
    guard let words = request.headers[.authorization]?.split(separator: " ", maxSplits: 1),
      words.count == 2, words[0].lowercased() == "bearer"
    else { return false }
    return Self.areEqual(Array(words[1].utf8), secret)
  }

  /// Compares in a time that says nothing about where, or whether, two texts differ.
  package static func areEqual(_ offered: [UInt8], _ secret: [UInt8]) -> Bool {
    var difference = UInt(bitPattern: offered.count ^ secret.count)
    for index in 0..<characterCountRange.upperBound {
      let left = index < offered.count ? offered[index] : 0
      let right = index < secret.count ? secret[index] : 0
      difference |= UInt(left ^ right)
    }
    return difference == 0
  }
}

/// Lets nobody through who does not bring the token, except to what is open to all.
struct TokenGuard<Context: RequestContext>: RouterMiddleware {
  private let token: HTTPToken
  private let openPaths: Set<String>
  private let log: PeerLog

  init(token: HTTPToken, openPaths: Set<String>, logger: Logger) {
    self.token = token
    self.openPaths = openPaths
    log = PeerLog(TransportLimits(), logger)
  }

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    if openPaths.contains(request.uri.path) || token.isIn(request) {
      return try await next(request, context)
    }
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    log.write(.notice, "HTTP request refused", kind: "token", on: loop) {
      [
        "request": "\(context.id)", "method": "\(request.method.rawValue)",
        "path": "\(request.uri.path.prefix(256))",
        "why": request.headers[.authorization] == nil ? "no token" : "not the token",
      ]
    }
    var response = ErrorAnswers<Context>.response(
      ServiceError(
        .refused, "this needs the token of --http-token-file",
        hint: "send the header Authorization: Bearer TOKEN"),
      requestID: context.id)
    response.status = .unauthorized
    response.headers[.wwwAuthenticate] = "Bearer"
    return response
  }
}
