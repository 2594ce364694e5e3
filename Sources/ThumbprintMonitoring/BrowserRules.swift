import HTTPTypes
import Hummingbird
import ThumbprintWire

/// The names under which browsers may ask a server.
///
/// The page of a stranger can be served under a name of his, and the name then be given the address
/// of this server: to the browser, page and server are one site from there on. The name in the
/// request gives that away.
public struct ServerNames: Sendable {
  /// Whether requests under other names are refused altogether, and not only those of pages that
  /// would change something.
  let areAll: Bool
  private let names: Set<String>

  /// - Parameters:
  ///   - host: Where the server listens. On loopback only the names of loopback are good.
  ///   - names: More that it goes by, for instance in the DNS. If there are any, there are no others.
  public init(host: String, names: [String]) {
    areAll = !names.isEmpty || ["localhost", "127.0.0.1", "::1"].contains(host)
    self.names = Set((names + [host]).map { $0.lowercased() })
  }

  /// Whether nobody else can have given this name, and the port after it, to this server: an
  /// address, a name without a dot, and those that were given.
  package func include(_ authority: String) -> Bool {
    let host = Self.host(authority)
    if areAll, names.isDisjoint(with: [host]) {
      return ["localhost", "127.0.0.1", "::1"].contains(host)
    }
    return names.contains(host) || Self.isAddress(host) || !host.contains(".")
  }

  /// The name, without the port, and without the brackets of an address of version 6.
  private static func host(_ authority: String) -> String {
    let host =
      authority.hasPrefix("[")
      ? authority.dropFirst().prefix { $0 != "]" } : authority.prefix { $0 != ":" }
    return host.lowercased()
  }

  private static func isAddress(_ host: String) -> Bool {
    if host.contains(":") { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
  }
}

/// What keeps pages of others from using a browser to reach this server. What watches processes is
/// answered under any name.
struct BrowserRules<Context: RequestContext>: RouterMiddleware {
  let names: ServerNames

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    if !Probes.openPaths.contains(request.uri.path) { try check(request) }
    return try await next(request, context)
  }

  private func check(_ request: Request) throws(ServiceError) {
    let authority = request.head.authority ?? ""
    let isChange = ![.get, .head, .options].contains(request.method)
    let origin = request.headers[.origin]
    // Only a browser says either of these, of a page that asks.
    let isPage = origin != nil || request.headers[.fetchSite] != nil
    if !authority.isEmpty, !names.include(authority), names.areAll || (isPage && isChange) {
      throw ServiceError(
        .refused, "this server does not answer as '\(authority.prefix(64))'",
        hint: "ask for it by its address, or name it so in its setting --http-names")
    }
    if let site = request.headers[.fetchSite] {
      guard site == "cross-site" || site == "same-site" else { return }
      // A link to the page is no harm.
      if request.headers[.fetchMode] == "navigate", !isChange { return }
      throw Self.stranger
    }
    // A browser that does not say whose page asks, as none does of a server without TLS elsewhere.
    if isChange, let origin, Self.authority(of: origin) != authority.lowercased() {
      throw Self.stranger
    }
  }

  private static var stranger: ServiceError {
    ServiceError(.refused, "a page of another site may not ask for anything here")
  }

  private static func authority(of origin: String) -> String? {
    guard let start = origin.firstRange(of: "://")?.upperBound else { return nil }
    return origin[start...].lowercased()
  }
}

/// What every answer tells a browser, errors too: to load nothing of others, to show nothing of this
/// server to others, and to keep nothing that does not say that it may be kept.
struct ProtectiveFields<Context: RequestContext>: RouterMiddleware {
  static var all: HTTPFields {
    [
      .contentSecurityPolicy:
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      .xContentTypeOptions: "nosniff", .referrerPolicy: "no-referrer",
      .resourcePolicy: "same-origin", .cacheControl: "no-store",
    ]
  }

  func handle(
    _ request: Request, context: Context, next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    var response = try await next(request, context)
    for field in Self.all
    where field.name != .cacheControl || response.headers[.cacheControl] == nil {
      response.headers[field.name] = field.value
    }
    return response
  }
}

extension HTTPField.Name {
  fileprivate static let fetchSite = HTTPField.Name("Sec-Fetch-Site")!
  fileprivate static let fetchMode = HTTPField.Name("Sec-Fetch-Mode")!
  fileprivate static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
  fileprivate static let resourcePolicy = HTTPField.Name("Cross-Origin-Resource-Policy")!
}
