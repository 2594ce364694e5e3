import Hummingbird

/// Everything that the API answers; openapi.yaml describes each.
public enum Endpoint: String, CaseIterable, Sendable {
  case about, openAPI
  case listCollections, createCollection, describeCollection, updateCollection, dropCollection
  case collectionStats, sampleRecords, scrollRecords
  case records, upsertRecords, deleteRecords, record, deleteRecord, addPicture
  case search, code, thumbnail
  case clusterStatus, rebalance, setBandwidth, drain, removeWorker, abortMove

  public var method: HTTPRequest.Method {
    switch self {
    case .about, .openAPI, .listCollections, .describeCollection, .collectionStats,
      .sampleRecords, .scrollRecords, .records, .record, .thumbnail, .clusterStatus:
      .get
    case .createCollection, .deleteRecords, .addPicture, .search, .code, .rebalance, .drain: .post
    case .upsertRecords, .setBandwidth: .put
    case .updateCollection: .patch
    case .dropCollection, .deleteRecord, .removeWorker, .abortMove: .delete
    }
  }

  /// Whether it changes anything that is stored, or how the cluster keeps it.
  public var isChange: Bool { method != .get && ![.search, .code].contains(self) }

  /// With `{name}` where a value stands, as OpenAPI and the router write it.
  public var path: String {
    let collection = "/api/v1/collections/{collection}"
    return switch self {
    case .about: "/api/v1"
    case .openAPI: "/api/v1/openapi.yaml"
    case .listCollections, .createCollection: "/api/v1/collections"
    case .describeCollection, .updateCollection, .dropCollection: collection
    case .collectionStats: "\(collection)/stats"
    case .sampleRecords: "\(collection)/sample"
    case .scrollRecords: "\(collection)/scroll"
    case .records, .upsertRecords: "\(collection)/records"
    case .deleteRecords: "\(collection)/records/delete"
    case .record, .deleteRecord: "\(collection)/records/{id}"
    case .addPicture: "\(collection)/pictures"
    case .search: "\(collection)/search"
    case .code: "/api/v1/codes"
    case .thumbnail: "/api/v1/thumbnails/{code}"
    case .clusterStatus: "/api/v1/cluster"
    case .rebalance: "/api/v1/cluster/rebalance"
    case .setBandwidth: "/api/v1/cluster/bandwidth"
    case .drain: "/api/v1/cluster/workers/{worker}/drain"
    case .removeWorker: "/api/v1/cluster/workers/{worker}"
    case .abortMove: "/api/v1/cluster/moves/{move}"
    }
  }
}

/// The bounds that the API holds its clients to.
public enum GatewayLimits {
  /// Bytes of a JSON body, unless it is one of records.
  public static let jsonByteCountMax = 64 << 10
  /// Bytes of a JSON body of records.
  public static let recordsByteCountMax = 8 << 20
  /// Records that one request writes or deletes.
  public static let writeCountMax = 4096
  /// Bodies of records that are received and written at once.
  public static let writerCountMax = 4
  /// Bytes of a picture file.
  public static let pictureByteCountMax = 16 << 20
  /// Pixels of a picture that has to be decoded whole; about ten bytes of memory each.
  public static let pixelCountMax = 16_000_000
  /// Matches of one answer.
  public static let matchCountMax = 1000
  /// Records of one answer.
  public static let recordCountMax = 1000
  /// Records of one sample.
  public static let sampleCountMax = 250
  /// Pictures that are received and coded at once.
  public static let uploadCountMax = 8
  /// Pictures that wait to be coded, or codes to be decoded.
  public static let waitingCountMax = 256
  /// How long the body of a request may take.
  public static let bodySeconds = 30
}
