import Foundation
import Testing

/// What the program says before it touches a store.
@Suite struct CommandLineTests {
  @Test func versionAndHelpAreResults() throws {
    let sandbox = try Sandbox()
    #expect(try sandbox.succeed("--version").output.hasPrefix("0."))
    #expect(try sandbox.succeed("--version", "--verbose").output.contains("\n"))
    #expect(try sandbox.succeed("query", "--help").output.contains("Examples:"))
    #expect(try sandbox.succeed().output.contains("query"))
    for shell in ["bash", "zsh", "fish"] {
      #expect(try !sandbox.succeed("--generate-completion-script", shell).output.isEmpty)
    }
  }

  @Test func wrongFlagsAndValuesAreUsageErrors() throws {
    let sandbox = try Sandbox()
    func usage(_ part: String, _ arguments: String...) throws {
      let outcome = try sandbox.start(arguments).outcome()
      let first = outcome.errors.split(separator: "\n").first ?? ""
      #expect(
        outcome.status == 64 && first.hasPrefix("thumbprint: error: ") && first.contains(part)
          && outcome.output.isEmpty,
        "\(arguments): status \(outcome.status), \(outcome.errors)")
    }
    try usage("colection", "colection", "list")
    try usage("--frob", "collection", "list", "--frob")
    try usage("<name>", "collection", "create")
    try usage("--collection", "query", "--id", "1")
    try usage("'x' is invalid for '--id", "query", "-c", "a", "--id", "x")
    try usage("'--id", "query", "-c", "a", "--id", "-1")
    try usage("-k: 0 is not in 1...16384", "query", "-c", "a", "--id", "1", "-k", "0")
    try usage("-k: 16385 is not in", "query", "-c", "a", "--id", "1", "-k", "16385")
    try usage(
      "recall=1.5: X has to be above 0 and below 1", "query", "-c", "a", "--id", "1",
      "--promise", "recall=1.5")
    try usage("'best' is not certified", "query", "-c", "a", "--id", "1", "--promise", "best")
    try usage(
      "--metric: 'cosine' is not feature or combined", "query", "-c", "a", "--id", "1",
      "--metric", "cosine")
    try usage(
      "--within: 4097 is not in 0...4096", "query", "-c", "a", "--id", "1", "--within", "4097")
    try usage(
      "--max-distance: 4609 is not in 0...4608", "query", "-c", "a", "--id", "1",
      "--max-distance", "4609", "--metric", "combined")
    try usage(
      "--within: cannot be given together with -k", "query", "-c", "a", "--id", "1", "--within",
      "4", "-k", "4")
    try usage("there is no command 'thumbprint ingset'", "ingset", "photos")
    try usage("there is no command 'thumbprint collection drip'", "collection", "drip", "a")
    try sandbox.fail(64, "hint: did you mean 'thumbprint collection drop'?", "collection", "drip")
    try usage("--row: needs --codes", "query", "-c", "a", "--id", "1", "--row", "2")
    try usage("nothing to look for", "query", "-c", "a")
    try usage("--id: cannot be", "query", "-c", "a", "--id", "1", "--codes", "f.npy")
    try usage("--threads: 0", "query", "-c", "a", "--id", "1", "--threads", "0")
    try usage("--out", "query", "-c", "a", "--id", "1", "--within", "4", "--out", "o")
    try usage("--quiet", "query", "-c", "a", "--id", "1", "--quiet", "--verbose")
    try usage("--shards: 0 is not in 1...1024", "collection", "create", "a", "--shards", "0")
    try usage("--count", "plan")
    try usage("'x' is invalid for '--count", "plan", "--count", "x")
    try usage("--count: 0 is not in 1...", "plan", "--count", "0")
    try usage("'5' is invalid for '--p99", "plan", "--count", "1k", "--p99", "5")
    try usage("--queries: 'far' is not near or unlike", "plan", "--count", "1", "--queries", "far")
    try usage("--replicas: 8 is not in 1...7", "plan", "--count", "1", "--replicas", "8")
    try usage("--p99: no number of hosts holds it", "plan", "--count", "1", "--p99", "1us")
    try usage("--tables: 3 is not one of 0, 64, 128", "plan", "--count", "1", "--tables", "3")
    try usage("--tables: 3 is not one of 0, 64, 128", "collection", "create", "a", "--tables", "3")
    try usage("--coder: 'A B'", "collection", "create", "a", "--coder", "A B")
    try usage("nothing to delete", "delete", "-c", "a")
    try usage(
      "--coordinator: cannot be given together with --store", "query", "-c", "a", "--id", "1",
      "--store", "s", "--coordinator", "h:1")
    try usage("--coordinator: 'h' is not HOST:PORT", "stats", "-c", "a", "--coordinator", "h")
    try usage("--coordinator: this needs a cluster", "cluster", "status")
    try usage("--coordinator", "check", "-c", "a", "--coordinator", "h:1")
    try usage("--timeout: 0", "stats", "-c", "a", "--timeout", "0")
    try usage("--replicas: 8 is not in 1...7", "collection", "create", "a", "--replicas", "8")
    try usage(
      "--replicas: a store has one of each shard", "collection", "create", "a", "--replicas", "2")
    try usage("--watch: 0.0 is not in", "cluster", "status", "--watch", "0")
    try usage("--bandwidth", "rebalance", "--bandwidth", "fast")
    try usage("--wait: a dry run moves nothing", "drain", "w", "--dry-run", "--wait")
    try usage("'W 1'", "drain", "W 1")
    try usage("--out", "snapshot", "create", "c")
    try usage("--resume", "snapshot", "restore", "s", "-c", "c", "--resume", "--shards", "2")
    try usage("--count: 0", "bench", "generate", "planted", "--count", "0", "--out", "d")
    try usage(
      "--flipped: 0.6 is not in 0...0.5", "bench", "generate", "planted", "--count", "1",
      "--flipped", "0.6", "--out", "d")
    try usage(
      "--mode", "bench", "search", "--features", "f", "--queries", "q", "--mode", "double")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: sandbox.folder.path)
        .allSatisfy { $0.hasPrefix(".") })
  }

  @Test func aVariableCanNameTheCoordinator() throws {
    let sandbox = try Sandbox()
    try sandbox.fail(
      64, "THUMBPRINT_COORDINATOR: 'h' is not HOST:PORT", "collection", "list",
      environment: ["THUMBPRINT_COORDINATOR": "h"])
    try sandbox.fail(
      64, "both THUMBPRINT_STORE and THUMBPRINT_COORDINATOR are set", "collection", "list",
      environment: ["THUMBPRINT_COORDINATOR": "h:1", "THUMBPRINT_STORE": "s"])
    // A flag counts before both.
    try sandbox.fail(
      64, "there is no store", "collection", "list", "--store", "s",
      environment: ["THUMBPRINT_COORDINATOR": "h:1", "THUMBPRINT_STORE": "t"])
  }

  @Test func kernelsCanBeChosen() throws {
    let sandbox = try Sandbox()
    let kernels = ["THUMBPRINT_KERNELS": "portable"]
    let version = try sandbox.run("--version", "--verbose", environment: kernels)
    #expect(version.output.contains("kernels: portable\n"))
    try sandbox.fail(
      64, "THUMBPRINT_KERNELS: 'abacus' is not one of portable", "--version",
      environment: ["THUMBPRINT_KERNELS": "abacus"])
  }

  @Test func aFullOutputIsAnError() throws {
    let sandbox = try Sandbox()
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/sh")
    shell.arguments = [
      "-c", "'\(Sandbox.program.path)' --help > /dev/full 2> errors; echo $? > status",
    ]
    shell.currentDirectoryURL = sandbox.folder
    try shell.run()
    shell.waitUntilExit()
    #expect(try String(contentsOfFile: sandbox.path("status"), encoding: .utf8) == "74\n")
  }
}
