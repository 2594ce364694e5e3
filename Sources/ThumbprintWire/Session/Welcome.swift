import ThumbprintCodes

enum WelcomeLayout: WireLayout {
  static let name: StaticString = "welcome"
  static let version = WireField("version", 0, 2)
  static let role = WireField("role", 2, 1)
  static let nameByteCount = WireField("name byte count", 3, 1)
  static let programByteCount = WireField("program byte count", 4, 1)
  static let zero = WireField("reserved", 5, 3)
  static let clusterHigh = WireField("cluster id, first half", 8, 8)
  static let clusterLow = WireField("cluster id, second half", 16, 8)
  static let inFlightCountMax = WireField("requests under way", 24, 4)
  static let bodyByteCountMax = WireField("bytes of a body", 28, 4)
  static let byteCount = 32
  static var fields: [WireField] {
    [
      version, role, nameByteCount, programByteCount, zero, clusterHigh, clusterLow,
      inFlightCountMax, bodyByteCountMax,
    ]
  }
  static var reserved: [WireField] { [zero] }
}

/// Answers a ``Hello``: the connection may be used.
public struct Welcome: WireMessage, Hashable {
  public static let type = MessageType.welcome

  /// The version that both sides speak from now on.
  public var version: UInt16
  public var role: PeerRole
  /// The name of a worker; `nil` for other roles.
  public var name: WorkerName?
  /// The cluster that the sender belongs to; `nil` while it belongs to none.
  public var cluster: ClusterID?
  /// The most requests that the sender works on at once; further ones get ``ServiceError/Code/busy``.
  public var inFlightCountMax: Int
  /// The most bytes of a body that the sender takes.
  public var bodyByteCountMax: Int
  /// Program and version, for logs: up to ``WireLimits/programByteCountMax`` bytes.
  public var program: String

  public init(
    role: PeerRole, name: WorkerName? = nil, cluster: ClusterID? = nil,
    inFlightCountMax: Int = WireLimits.inFlightCountMax,
    bodyByteCountMax: Int = WireLimits.bodyByteCountMax, program: String
  ) {
    precondition(
      program.utf8.count <= WireLimits.programByteCountMax,
      "'\(program)' is longer than \(WireLimits.programByteCountMax) bytes")
    version = WireLimits.version
    self.role = role
    self.name = name
    self.cluster = cluster
    self.inFlightCountMax = inFlightCountMax
    self.bodyByteCountMax = bodyByteCountMax
    self.program = program
  }

  public func encoded() -> [UInt8] {
    let name = Array((name?.text ?? "").utf8)
    let program = Array(program.utf8)
    var writer = WireWriter()
    writer.begin(WelcomeLayout.self)
    writer.set(WelcomeLayout.version, version)
    writer.set(WelcomeLayout.role, role.rawValue)
    writer.set(WelcomeLayout.nameByteCount, UInt8(name.count))
    writer.set(WelcomeLayout.programByteCount, UInt8(program.count))
    writer.set(WelcomeLayout.clusterHigh, cluster?.high ?? 0)
    writer.set(WelcomeLayout.clusterLow, cluster?.low ?? 0)
    writer.set(WelcomeLayout.inFlightCountMax, UInt32(inFlightCountMax))
    writer.set(WelcomeLayout.bodyByteCountMax, UInt32(bodyByteCountMax))
    writer.append(name)
    writer.append(program)
    return writer.bytes
  }

  public static func decoded(_ body: [UInt8]) throws(ServiceError) -> Welcome {
    var reader = WireReader(body, place: "welcome")
    try reader.begin(WelcomeLayout.self)
    let version: UInt16 = try reader.get(WelcomeLayout.version, in: 1...UInt16.max)
    let role = try reader.get(WelcomeLayout.role, as: PeerRole.self)
    let nameByteCount: UInt8 = reader.get(WelcomeLayout.nameByteCount)
    let programByteCount: UInt8 = try reader.get(
      WelcomeLayout.programByteCount, in: 0...UInt8(WireLimits.programByteCountMax))
    let cluster = ClusterID(
      high: reader.get(WelcomeLayout.clusterHigh), low: reader.get(WelcomeLayout.clusterLow))
    let inFlight: UInt32 = try reader.get(
      WelcomeLayout.inFlightCountMax, in: 1...UInt32(WireLimits.inFlightCountMax))
    let bodyByteCount: UInt32 = try reader.get(
      WelcomeLayout.bodyByteCountMax,
      in: UInt32(WireLimits.handshakeByteCountMax)...UInt32(WireLimits.bodyByteCountMax))
    let name = try reader.identity(nameByteCount, "name", WorkerName.init)
    let program = try reader.text(Int(programByteCount), "program")
    try reader.end()
    var welcome = Welcome(
      role: role, name: name, cluster: cluster.high | cluster.low == 0 ? nil : cluster,
      inFlightCountMax: Int(inFlight), bodyByteCountMax: Int(bodyByteCount), program: program)
    welcome.version = version
    return welcome
  }
}

extension Hello {
  /// Whether a connection can begin, decided by the side that was called.
  ///
  /// - Parameters:
  ///   - cluster: The cluster of this side; `nil` while it has none.
  ///   - coder: The only coder whose codes this side takes; `nil` if it holds several or any.
  ///   - roles: Whom this side talks to.
  /// - Throws: `unsupportedVersion`, `refused`, `wrongCluster`, `coderMismatch`, each naming both
  ///   sides' values.
  public func check(
    cluster: ClusterID?, coder: CoderIdentity? = nil, roles: Set<PeerRole>
  ) throws(ServiceError) {
    let spoken = WireLimits.versionMin...WireLimits.version
    guard versions.overlaps(spoken) else {
      throw ServiceError(
        .unsupportedVersion,
        "the peer speaks protocol versions \(versions.lowerBound) to \(versions.upperBound), "
          + "this side \(spoken.lowerBound) to \(spoken.upperBound)",
        hint: "run programs of the same release on both sides")
    }
    guard roles.contains(role) else {
      throw ServiceError(
        .refused, "a \(role) has no business here",
        hint: roles.contains(.client) ? nil : "clients connect to the coordinator")
    }
    guard role != .worker || name != nil else {
      throw ServiceError(.refused, "a worker has to say its name")
    }
    if let mine = cluster, let theirs = self.cluster, mine != theirs {
      let peer = name.map { "worker '\($0)'" } ?? "the \(role)"
      throw ServiceError(
        .wrongCluster, "\(peer) belongs to cluster \(theirs), this side to \(mine)")
    }
    if let mine = coder, let theirs = self.coder, mine != theirs {
      throw .coderMismatch(of: "this connection", is: theirs, but: mine, holds: "this side")
    }
  }
}

extension ServiceError {
  /// Codes of two coders meet.
  public static func coderMismatch(
    of what: String, is theirs: CoderIdentity, but mine: CoderIdentity, holds owner: String
  ) -> ServiceError {
    ServiceError(
      .coderMismatch,
      "the codes of \(what) were made by coder '\(theirs)', those of \(owner) by '\(mine)'",
      hint: "codes of two coders cannot be compared: code the pictures again with '\(mine)'")
  }
}
