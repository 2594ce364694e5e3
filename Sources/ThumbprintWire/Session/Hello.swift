import ThumbprintCodes

/// What one side of a connection is.
public enum PeerRole: UInt8, Sendable, CaseIterable {
  case client = 1
  case worker = 2
  case coordinator = 3
}

enum HelloLayout: WireLayout {
  static let name: StaticString = "hello"
  static let versionMin = WireField("oldest version", 0, 2)
  static let versionMax = WireField("newest version", 2, 2)
  static let role = WireField("role", 4, 1)
  static let nameByteCount = WireField("name byte count", 5, 1)
  static let coderByteCount = WireField("coder byte count", 6, 1)
  static let programByteCount = WireField("program byte count", 7, 1)
  static let clusterHigh = WireField("cluster id, first half", 8, 8)
  static let clusterLow = WireField("cluster id, second half", 16, 8)
  static let byteCount = 24
  static var fields: [WireField] {
    [
      versionMin, versionMax, role, nameByteCount, coderByteCount, programByteCount,
      clusterHigh, clusterLow,
    ]
  }
}

/// The first message of a connection, from the side that opened it.
public struct Hello: WireRequest, Hashable {
  public typealias Reply = Welcome
  public static let type = MessageType.hello

  /// The versions of the protocol that the sender speaks.
  public var versions: ClosedRange<UInt16>
  public var role: PeerRole
  /// The name of a worker; `nil` for other roles.
  public var name: WorkerName?
  /// The coder of the codes that the sender will send; `nil` if it will not say.
  public var coder: CoderIdentity?
  /// The cluster that the sender means; `nil` if any will do.
  public var cluster: ClusterID?
  /// Program and version, for logs: up to ``WireLimits/programByteCountMax`` bytes.
  public var program: String

  public init(
    role: PeerRole, name: WorkerName? = nil, coder: CoderIdentity? = nil,
    cluster: ClusterID? = nil, program: String
  ) {
    precondition(
      program.utf8.count <= WireLimits.programByteCountMax,
      "'\(program)' is longer than \(WireLimits.programByteCountMax) bytes")
    versions = WireLimits.versionMin...WireLimits.version
    self.role = role
    self.name = name
    self.coder = coder
    self.cluster = cluster
    self.program = program
  }

  public func encoded() -> [UInt8] {
    let name = Array((name?.text ?? "").utf8)
    let coder = Array((coder?.name ?? "").utf8)
    let program = Array(program.utf8)
    var writer = WireWriter()
    writer.begin(HelloLayout.self)
    writer.set(HelloLayout.versionMin, versions.lowerBound)
    writer.set(HelloLayout.versionMax, versions.upperBound)
    writer.set(HelloLayout.role, role.rawValue)
    writer.set(HelloLayout.nameByteCount, UInt8(name.count))
    writer.set(HelloLayout.coderByteCount, UInt8(coder.count))
    writer.set(HelloLayout.programByteCount, UInt8(program.count))
    writer.set(HelloLayout.clusterHigh, cluster?.high ?? 0)
    writer.set(HelloLayout.clusterLow, cluster?.low ?? 0)
    writer.append(name)
    writer.append(coder)
    writer.append(program)
    return writer.bytes
  }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> Hello {
    var reader = WireReader(body, place: "hello")
    try reader.begin(HelloLayout.self)
    let low: UInt16 = try reader.get(HelloLayout.versionMin, in: 1...UInt16.max)
    let high: UInt16 = try reader.get(HelloLayout.versionMax, in: low...UInt16.max)
    let role = try reader.get(HelloLayout.role, as: PeerRole.self)
    let nameByteCount: UInt8 = reader.get(HelloLayout.nameByteCount)
    let coderByteCount: UInt8 = reader.get(HelloLayout.coderByteCount)
    let programByteCount: UInt8 = try reader.get(
      HelloLayout.programByteCount, in: 0...UInt8(WireLimits.programByteCountMax))
    let cluster = ClusterID(
      high: reader.get(HelloLayout.clusterHigh), low: reader.get(HelloLayout.clusterLow))
    let name = try reader.identity(nameByteCount, "name", WorkerName.init)
    let coder = try reader.identity(coderByteCount, "coder", CoderIdentity.init)
    let program = try reader.text(Int(programByteCount), "program")
    try reader.end()
    var hello = Hello(
      role: role, name: name, coder: coder,
      cluster: cluster.high | cluster.low == 0 ? nil : cluster, program: program)
    hello.versions = low...high
    return hello
  }
}

extension WireReader {
  /// An identity that may be missing, which no bytes say.
  mutating func identity<T>(
    _ byteCount: UInt8, _ name: StaticString, _ make: (String) -> T?
  ) throws(ServiceError) -> T? {
    if byteCount == 0 { return nil }
    guard let value = make(try text(Int(byteCount), name)) else {
      throw .malformed("\(place): \(name)", expected: "a name", found: "other bytes")
    }
    return value
  }
}
