import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import ThumbprintWire

/// Turns every error of a route into JSON in one form, and logs what is the server's fault.
///
/// `{"error": {"code": "notFound", "message": …, "hint": …, "requestId": …}}`, with the HTTP status
/// of the code.
public struct ErrorAnswers<Context: RequestContext>: RouterMiddleware {
  private let logger: Logger

  public init(logger: Logger) {
    self.logger = logger
  }

  public func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    do {
      return try await next(request, context)
    } catch let error as ServiceError {
      return answer(error, request, context)
    } catch let error as any HTTPResponseError {
      return answer(Self.error(of: error, request), request, context)
    } catch let error as HTTPParserError {
      let error = ServiceError(.invalid, "the body of the request is not as HTTP has it: \(error)")
      return answer(error, request, context)
    } catch {
      logger.error(
        "HTTP request failed",
        metadata: ["request": "\(context.id)", "path": "\(request.uri.path)", "why": "\(error)"])
      let hidden = ServiceError(.internalError, "something went wrong; the log says what")
      return Self.response(hidden, requestID: context.id)
    }
  }

  private func answer(_ error: ServiceError, _ request: Request, _ context: Context) -> Response {
    logger.log(
      // What the cluster could not do is logged by those who could not do it.
      level: error.code == .internalError ? .error : .info, "HTTP request failed",
      metadata: [
        "request": "\(context.id)", "method": "\(request.method.rawValue)",
        "path": "\(request.uri.path.prefix(256))", "code": "\(error.code)",
        "why": "\(error.message)",
      ])
    return Self.response(error, requestID: context.id)
  }

  /// What the library refuses, in our words.
  private static func error(of error: any HTTPResponseError, _ request: Request) -> ServiceError {
    let path = request.uri.path.prefix(256)
    return switch error.status.code {
    case 404: ServiceError(.notFound, "there is nothing at '\(path)'")
    case 405:
      ServiceError(.notFound, "'\(path)' does not answer \(request.method.rawValue)")
    case 413: ServiceError(.tooLarge, "the body of the request has too many bytes")
    default: ServiceError(.invalid, "the request cannot be read: \(error.status)")
    }
  }

  /// An answer that reports an error.
  public static func response(_ error: ServiceError, requestID: String) -> Response {
    Response(
      status: .init(code: error.code.httpStatus),
      headers: [.contentType: AnswerJSON.type],
      body: .init(byteBuffer: error.answerBody(requestID: requestID)))
  }
}

/// The JSON of answers.
package enum AnswerJSON {
  package static let type = "application/json"

  package static func encode(_ value: some Encodable) throws -> ByteBuffer {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return ByteBuffer(bytes: try encoder.encode(value))
  }
}

extension ServiceError {
  /// How HTTP reports it.
  func answerBody(requestID: String) -> ByteBuffer {
    let body = ErrorBody(
      error: .init(code: "\(code)", message: message, hint: hint, requestId: requestID))
    return (try? AnswerJSON.encode(body)) ?? ByteBuffer()
  }
}

extension HTTPParserError {
  /// What is wrong with a request that is no HTTP.
  ///
  /// - Parameter headByteCountMax: The bound of its head.
  func serviceError(headByteCountMax: Int) -> ServiceError {
    switch self {
    case .headerOverflow:
      ServiceError(
        .tooLarge,
        "the head of the request has more than \(headByteCountMax) bytes or "
          + "\(HTTPServer.Limits.fieldCountMax) fields")
    case .invalidMethod: ServiceError(.unknownMessage, "HTTP has no such method")
    default: ServiceError(.invalid, "the request is not HTTP: \(self)")
    }
  }
}

private struct ErrorBody: Encodable {
  struct Error: Encodable {
    var code: String
    var message: String
    var hint: String?
    var requestId: String
  }

  var error: Error
}
