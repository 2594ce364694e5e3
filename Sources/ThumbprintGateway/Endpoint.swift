import Hummingbird

/// Everything that the API answers; docs/openapi.yaml describes each.
public enum Endpoint: String, CaseIterable, Sendable {
  case about, openAPI, listCollections, createCollection, describeCollection, dropCollection
  case collectionStats, sampleRecords, records, search, code, thumbnail
  case clusterStatus, rebalance, drain

  public var method: HTTPRequest.Method {
    switch self {
    case .about, .openAPI, .listCollections, .describeCollection, .collectionStats,
      .sampleRecords, .records, .thumbnail, .clusterStatus:
      .get
    case .createCollection, .search, .code, .rebalance, .drain: .post
    case .dropCollection: .delete
    }
  }

  /// With `{name}` where a value stands, as OpenAPI and the router write it.
  public var path: String {
    switch self {
    case .about: "/api/v1"
    case .openAPI: "/api/v1/openapi.yaml"
    case .listCollections, .createCollection: "/api/v1/collections"
    case .describeCollection, .dropCollection: "/api/v1/collections/{collection}"
    case .collectionStats: "/api/v1/collections/{collection}/stats"
    case .sampleRecords: "/api/v1/collections/{collection}/sample"
    case .records: "/api/v1/collections/{collection}/records"
    case .search: "/api/v1/collections/{collection}/search"
    case .code: "/api/v1/codes"
    case .thumbnail: "/api/v1/thumbnails/{code}"
    case .clusterStatus: "/api/v1/cluster"
    case .rebalance: "/api/v1/cluster/rebalance"
    case .drain: "/api/v1/cluster/workers/{worker}/drain"
    }
  }
}

/// The bounds that the API holds its clients to.
public enum GatewayLimits {
  /// Bytes of a JSON body.
  public static let jsonByteCountMax = 64 << 10
  /// Bytes of a picture file.
  public static let pictureByteCountMax = 16 << 20
  /// Pixels of a picture that has to be decoded whole; about ten bytes of memory each.
  public static let pixelCountMax = 16_000_000
  /// Matches of one answer.
  public static let matchCountMax = 1000
  /// Records of one answer.
  public static let recordCountMax = 1000
  /// Pictures that are received and coded at once.
  public static let uploadCountMax = 8
  /// Pictures that wait to be coded, or codes to be decoded.
  public static let waitingCountMax = 256
  /// How long the body of a request may take.
  public static let bodySeconds = 30
}
