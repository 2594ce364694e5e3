import Foundation
import Hummingbird
import Logging
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
    let body = ErrorBody(
      error: .init(
        code: "\(error.code)", message: error.message, hint: error.hint, requestId: requestID))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let data = (try? encoder.encode(body)) ?? Data()
    return Response(
      status: .init(code: error.code.httpStatus),
      headers: [.contentType: "application/json"], body: .init(byteBuffer: .init(bytes: data)))
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
