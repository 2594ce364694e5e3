import HTTPTypes
import Hummingbird
import ThumbprintWire

/// What keeps pages of others from using a browser to reach this server, and this server's page
/// from loading anything of others.
struct BrowserRules<Context: RequestContext>: RouterMiddleware {
  let isLoopback: Bool

  private static var policy: String {
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
      + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
  }

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    try check(request)
    var response = try await next(request, context)
    response.headers[.contentSecurityPolicy] = Self.policy
    response.headers[.xContentTypeOptions] = "nosniff"
    response.headers[.referrerPolicy] = "no-referrer"
    response.headers[.resourcePolicy] = "same-origin"
    return response
  }

  private func check(_ request: Request) throws(ServiceError) {
    // A browser that is told a name for 127.0.0.1 by somebody else asks under that name.
    if isLoopback, let authority = request.head.authority, !Self.isLocal(authority) {
      throw ServiceError(
        .refused,
        "this server listens on loopback and does not answer as '\(authority.prefix(64))'",
        hint: "ask for http://127.0.0.1 or http://localhost and the port")
    }
    if let site = request.headers[.fetchSite], site != "same-origin", site != "none",
      request.method != .get
    {
      throw ServiceError(.refused, "a page of another site may not change anything here")
    }
  }

  private static func isLocal(_ authority: String) -> Bool {
    let host =
      authority.hasPrefix("[")
      ? authority.prefix { $0 != "]" } + "]" : authority.prefix { $0 != ":" }
    return ["localhost", "127.0.0.1", "[::1]"].contains(host.lowercased())
  }
}

extension HTTPField.Name {
  fileprivate static let fetchSite = HTTPField.Name("Sec-Fetch-Site")!
  fileprivate static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
  fileprivate static let resourcePolicy = HTTPField.Name("Cross-Origin-Resource-Policy")!
}
