import Testing
import ThumbprintCodes
import ThumbprintWire

@Suite struct SessionMessageTests {
  @Test func messagesComeBack() throws {
    try MessageCheck.roundTrip(WireSamples.hello)
    try MessageCheck.roundTrip(Hello(role: .client, program: "tp"))
    try MessageCheck.roundTrip(WireSamples.welcome)
    try MessageCheck.roundTrip(Ping(token: .max))
    try MessageCheck.roundTrip(Pong(token: 0))
    try MessageCheck.roundTrip(Cancel(requestID: 77))
  }

  @Test func aPeerOfTheSameKindIsWelcome() throws {
    let roles: Set<PeerRole> = [.worker, .client]
    try WireSamples.hello.check(cluster: WireSamples.cluster, roles: roles)
    // Whoever says nothing of a cluster, or has none yet, may join.
    try WireSamples.hello.check(cluster: nil, roles: roles)
    try Hello(role: .client, program: "").check(cluster: WireSamples.cluster, roles: roles)
  }

  @Test func noCommonVersionIsRefusedNamingBoth() {
    var hello = WireSamples.hello
    hello.versions = 7...9
    let error = #expect(throws: ServiceError.self) {
      try hello.check(cluster: nil, roles: [.worker])
    }
    #expect(error?.code == .unsupportedVersion)
    #expect(error?.message == "the peer speaks protocol versions 7 to 9, this side 1 to 1")
  }

  @Test func aStrangerIsRefused() {
    let role = #expect(throws: ServiceError.self) {
      try WireSamples.hello.check(cluster: nil, roles: [.client])
    }
    #expect(role?.code == .refused && role?.message.contains("worker") == true)
    let nameless = #expect(throws: ServiceError.self) {
      try Hello(role: .worker, program: "").check(cluster: nil, roles: [.worker])
    }
    #expect(nameless?.code == .refused)
    let other = ClusterID(high: 1, low: 1)
    let cluster = #expect(throws: ServiceError.self) {
      try WireSamples.hello.check(cluster: other, roles: [.worker])
    }
    #expect(cluster?.code == .wrongCluster)
    #expect(cluster?.message.contains("\(other)") == true)
    #expect(cluster?.message.contains("\(WireSamples.cluster)") == true)
  }

  @Test func anotherCoderIsRefusedByName() {
    let error = #expect(throws: ServiceError.self) {
      try WireSamples.hello.check(
        cluster: nil, coder: WireSamples.coder("compact-1"), roles: [.worker])
    }
    #expect(error?.code == .coderMismatch)
    #expect(error?.message.contains("'vgg-2'") == true)
    #expect(error?.message.contains("'compact-1'") == true)
  }
}
