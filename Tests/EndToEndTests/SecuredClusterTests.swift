import Foundation
import Testing
import ThumbprintTestKit

/// A cluster of real processes that speak TLS, asked by the command line.
@Suite(.serialized) struct SecuredClusterTests {
  @Test func everythingWorksOverTLSAndNothingWithout() throws {
    let certificates = try TestCertificates("127.0.0.1")
    let cluster = try ClusterSandbox(workers: ["a", "b", "c"], certificates: certificates)
    let sandbox = cluster.sandbox
    try sandbox.makeCollection(count: 3000, shards: 3)
    let digest = try sandbox.contents().digest
    try cluster.succeed("collection", "create", "c", "--shards", "4", "--replicas", "2")
    try cluster.succeed("load", "data", "-c", "c", "-q")
    func matches() throws -> NSArray {
      let query = ["query", "-c", "c", "--id", "17", "-k", "9", "--json"]
      let here = try sandbox.start(query).outcome().json([String: Any].self)
      let there = try cluster.run(query).json([String: Any].self)
      func matches(_ document: [String: Any]) throws -> NSArray {
        let queries = try #require(document["queries"] as? [[String: Any]])
        return try #require(queries.first?["matches"] as? NSArray)
      }
      #expect(try matches(here) == matches(there))
      return try matches(there)
    }
    let before = try matches()

    // Shards are copied from worker to worker, and to a folder.
    try cluster.succeed("drain", "a", "--wait")
    let workers = try cluster.succeed("cluster", "workers", "--json").json([[String: Any]].self)
    #expect(workers.first { $0["name"] as? String == "a" }?["replicas"] as? Int == 0, "\(workers)")
    #expect(try matches() == before)
    try cluster.succeed(
      "snapshot", "create", "c", "--out", "snap", "-q", "--coordinator", cluster.address)
    let stats = try sandbox.succeed("stats", "--store", "snap", "-c", "c", "--json")
      .json([String: Any].self)
    #expect(stats["digest"] as? String == digest)

    // Whoever has no certificate of this authority is told so, and gets nothing.
    let address = cluster.address
    let ask = ["cluster", "status", "--coordinator", address]
    func refused(_ part: String, _ arguments: [String], _ variables: [String: String]) throws {
      let outcome = try sandbox.start(arguments, environment: variables).outcome()
      let lines = outcome.errors.split(separator: "\n")
      #expect(
        outcome.status == 69 && outcome.output.isEmpty && lines.count == 2
          && lines[0].contains(part) && lines[1].hasPrefix("  hint: "), "\(outcome)")
    }
    try refused("\(address) wants TLS", ask, [:])
    let others = try TestCertificates("127.0.0.1")
    try refused(
      "the certificate of \(address) is not signed by our authority", ask + others["client"].flags,
      [:])
    var mixed = others["client"]
    mixed.authority = certificates["client"].authority
    try refused("does not accept our certificate", ask + mixed.flags, [:])
    let port = address.split(separator: ":")[1]
    // A name will do that leads to an address of the certificate.
    let named = try sandbox.start(
      ["cluster", "status", "--coordinator", "localhost:\(port)"],
      environment: cluster.environment
    ).outcome()
    #expect(named.status == 0, "\(named)")
    try sandbox.fail(
      64, "--tls-key is missing: --tls-certificate is given", "cluster", "status", "--coordinator",
      address, "--tls-certificate", certificates["client"].certificate)
  }

  @Test func aCommandWithTLSTellsAClusterWithout() throws {
    let certificates = try TestCertificates("127.0.0.1")
    let cluster = try ClusterSandbox(workers: [])
    let flags = certificates["client"].flags
    let outcome = try cluster.run(["cluster", "status"] + flags)
    #expect(
      outcome.status == 69
        && outcome.errors.hasPrefix("thumbprint: error: \(cluster.address) does not speak TLS\n"),
      "\(outcome)")
  }
}
