import Foundation
import Testing

/// Tools/bootstrap on systems that are played by a folder of small scripts, its whole PATH.
@Suite struct BootstrapTests {
  private static let installed = "echo installed"
  private static let apt = "echo \"apt-get $*\" >> calls"

  @Test func nothingIsDoneWhenAllIsThere() throws {
    let run = try Self.run(["dpkg-query": Self.installed, "apt-get": Self.apt, "id": "echo 1000"])
    #expect(run.status == 0 && run.calls.isEmpty)
    #expect(run.output.contains("nothing to do"))
  }

  @Test func rootInstallsOnlyWhatIsMissing() throws {
    let run = try Self.run([
      "dpkg-query": "case \"$*\" in *lmdb*) ;; *) echo installed ;; esac",
      "apt-get": Self.apt, "id": "echo 0",
    ])
    #expect(run.status == 0, "\(run)")
    #expect(run.calls.count == 1 && run.calls[0].hasSuffix("--no-install-recommends liblmdb-dev"))
    #expect(run.output.contains("installing liblmdb-dev"))
  }

  @Test func othersInstallWithSudo() throws {
    let run = try Self.run([
      "dpkg-query": "true", "apt-get": Self.apt, "id": "echo 1000",
      "sudo": "echo sudo >> calls; \"$@\"",
    ])
    #expect(run.status == 0, "\(run)")
    #expect(run.calls.first == "sudo" && run.calls.count == 2)
  }

  @Test func withoutRootOrSudoOneLineSaysWhatToInstall() throws {
    let run = try Self.run(["dpkg-query": "true", "apt-get": Self.apt, "id": "echo 1000"])
    #expect(run.status == 1 && run.calls.isEmpty)
    #expect(run.output.contains("bootstrap: error: liblmdb-dev"))
    #expect(run.output.contains("hint: as root: apt-get install liblmdb-dev"))
  }

  @Test func otherSystemsAreAskedForTheLibraries() throws {
    let there = try Self.run(["pkg-config": "true"])
    #expect(there.status == 0 && there.output.contains("pkg-config finds lmdb libxxhash"))
    let missing = try Self.run(["pkg-config": "false"])
    #expect(missing.status == 1 && missing.output.contains("does not find lmdb libxxhash"))
  }

  @Test func aMissingToolchainIsNamed() throws {
    let run = try Self.run(["pkg-config": "true"], hasSwift: false)
    #expect(run.status == 1 && run.output.contains("swift is not on the PATH"))
  }

  @Test func aBrowserIsInstalledOnlyWhereThereIsNone() throws {
    let there = try Self.run(["chromium": "true", "chromedriver": "true"], "chromium")
    #expect(there.status == 0 && there.output.contains("nothing to do"), "\(there)")
    let made = try Self.run(
      ["dpkg-query": "true", "apt-get": Self.apt, "id": "echo 0"], "chromium", hasSwift: false)
    #expect(made.status == 0 && made.calls.count == 1, "\(made)")
    #expect(made.calls.first?.hasSuffix("chromium chromium-driver") == true, "\(made)")
    let elsewhere = try Self.run(["pkg-config": "true", "chromium": "true"], "chromium")
    #expect(elsewhere.status == 1 && elsewhere.output.contains("not all of chromium chromedriver"))
    #expect(try Self.run([:], "chromum").status == 64)
  }

  @Test func otherSystemsAreAskedForPythonItself() throws {
    let there = try Self.run(["python3": "true"], "python", hasSwift: false)
    #expect(there.status == 0 && there.output.contains("python3 has ensurepip"), "\(there)")
    let missing = try Self.run(["python3": "false"], "python", hasSwift: false)
    #expect(missing.status == 1 && missing.output.contains("no python3"), "\(missing)")
  }

  private static func run(
    _ commands: [String: String], _ arguments: String..., hasSwift: Bool = true
  ) throws -> (status: Int32, output: String, calls: [String]) {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "thumbprint-bootstrap-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appending(path: "bin")
    try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
    var commands = commands
    commands["env"] = "shift; \"$@\""
    if hasSwift { commands["swift"] = "true" }
    for (name, body) in commands {
      let file = path.appending(path: name)
      try "#!/bin/sh\n\(body)\n".write(to: file, atomically: true, encoding: .utf8)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
    }
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(filePath: "/bin/bash")
    process.arguments = [Project.root.appending(path: "Tools/bootstrap").path] + arguments
    process.environment = ["PATH": path.path]
    process.currentDirectoryURL = folder
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    let calls = try? String(contentsOf: folder.appending(path: "calls"), encoding: .utf8)
    return (
      process.terminationStatus, String(decoding: output, as: UTF8.self),
      (calls ?? "").split(separator: "\n").map(String.init)
    )
  }
}
