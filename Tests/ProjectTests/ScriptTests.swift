import Foundation
import Testing

/// The scripts of the project, as those meet them who know nothing but their names.
@Suite struct ScriptTests {
  @Test func everyScriptIsInADocument() throws {
    let documents = try Project.files(endings: [".md"]).filter { $0.path != "CHANGELOG.md" }
    for script in try Project.scripts() {
      let folder = script.path.split(separator: "/").dropLast().joined(separator: "/")
      let name = script.path.split(separator: "/").last ?? ""
      let isNamed = documents.contains { document in
        document.text.contains(script.path)
          // The page of a folder names its own scripts alone.
          || document.path.hasPrefix(folder + "/") && document.text.contains("`\(name)")
      }
      #expect(isNamed, "\(script.path) is in no document")
    }
  }

  /// `--help` says how it is used, and does nothing else.
  @Test func everyScriptHasHelp() throws {
    let scripts = try Project.scripts().filter { $0.path != ".ci/run" }
    #expect(scripts.count > 15)
    for script in scripts {
      // One that does not know the flag would begin its work.
      guard ["--help", "argparse", "environment.require"].contains(where: script.text.contains)
      else {
        Issue.record("\(script.path) has no --help")
        continue
      }
      let process = Process()
      let pipe = Pipe()
      process.executableURL = Project.root.appending(path: script.path)
      process.arguments = ["--help"]
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = pipe
      try process.run()
      let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      let text = String(decoding: data, as: UTF8.self)
      #expect(process.terminationStatus == 0, "\(script.path) --help")
      #expect(
        text.contains("usage:") && text.contains(script.path.split(separator: "/").last ?? ""),
        "\(script.path) --help does not say how it is used")
    }
  }

  @Test func everyScriptMayBeStarted() throws {
    for script in try Project.scripts() {
      let path = Project.root.appending(path: script.path).path
      #expect(FileManager.default.isExecutableFile(atPath: path), "\(script.path)")
    }
  }
}
