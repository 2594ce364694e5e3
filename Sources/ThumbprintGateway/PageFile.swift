import Hummingbird
import NIOCore

/// The files of the web page, which are part of the program.
enum PageFile: String, CaseIterable {
  case page = "index.html"
  case style = "style.css"
  case script = "page.js"
  case parts = "parts.js"
  case search = "search.js"
  case collection = "collection.js"
  case cluster = "cluster.js"
  case token = "token.js"
  case icon = "icon.svg"

  var path: String {
    switch self {
    case .page: "/"
    default: "/\(rawValue)"
    }
  }

  private static let scriptType = "text/javascript; charset=utf-8"

  private var content: (type: String, bytes: [UInt8]) {
    switch self {
    case .page: ("text/html; charset=utf-8", PackageResources.index_html)
    case .style: ("text/css; charset=utf-8", PackageResources.style_css)
    case .script: (Self.scriptType, PackageResources.page_js)
    case .parts: (Self.scriptType, PackageResources.parts_js)
    case .search: (Self.scriptType, PackageResources.search_js)
    case .collection: (Self.scriptType, PackageResources.collection_js)
    case .cluster: (Self.scriptType, PackageResources.cluster_js)
    case .token: (Self.scriptType, PackageResources.token_js)
    case .icon: ("image/svg+xml", PackageResources.icon_svg)
    }
  }

  var response: Response { Self.answer(content.type, content.bytes) }

  /// What the API is, for programs.
  static var openAPI: Response { answer("application/yaml", PackageResources.openapi_yaml) }

  private static func answer(_ type: String, _ bytes: [UInt8]) -> Response {
    Response(
      status: .ok, headers: [.contentType: type, .cacheControl: "no-cache"],
      body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
  }
}
