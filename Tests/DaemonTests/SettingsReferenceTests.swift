import Foundation
import Testing

/// Holds the tables of settings in docs/operating.md to the flags of both daemons, both ways.
@Suite struct SettingsReferenceTests {
  @Test(arguments: ["thumbprint-coordinator", "thumbprint-shard"])
  func everySettingIsDocumentedAndNothingElse(_ program: String) throws {
    let written = try Self.tables()
    let flags = try Self.flags(of: program)
    let rows = try #require(written[program]) + #require(written["Both"])
    #expect(Set(rows.map { $0[0] }) == flags)
    #expect(rows.count == flags.count, "a flag is in the tables twice")
    for row in rows {
      let key = String(row[0].dropFirst(2))
      let variable = "THUMBPRINT_" + key.uppercased().replacing("-", with: "_")
      #expect(row[1] == variable, "\(row[0])")
      #expect(row[2] == (key == "config" ? "" : key), "\(row[0])")
    }
  }

  /// A wrong value is one line that names the place, and ends the process with 64.
  @Test(
    arguments: [
      ("--idle-timeout", "5", "--idle-timeout: '5' is not a time such as 500ms, 5s or 10min"),
      ("--connection-limit", "0", "--connection-limit: '0' is not a number from 1 to 1000000"),
      ("--http", "8700", "--http: '8700' is not HOST:PORT"),
      ("--slow-request", "-1s", "--slow-request: '-1s' is not a time such as 500ms, 5s or 10min"),
      ("--log-level", "loud", "--log-level: 'loud' is not a level of the log"),
    ] as [(String, String, String)])
  func aWrongValueIsNamed(_ flag: String, _ value: String, _ message: String) async throws {
    let log = FileManager.default.temporaryDirectory
      .appending(path: "thumbprint-settings-\(UUID().uuidString).log")
    defer { try? FileManager.default.removeItem(at: log) }
    let process = try DaemonProcess(
      "thumbprint-coordinator", ["--metadata", "lmdb:never-made", "\(flag)=\(value)"], log: log)
    while process.isRunning { try await Task.sleep(for: .milliseconds(5)) }
    #expect(process.end() == 64)
    #expect(process.lines == ["thumbprint-coordinator: error: \(message)"])
  }

  private static func flags(of program: String) throws -> Set<String> {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = DaemonProcess.programs.appending(path: program)
    process.arguments = ["--experimental-dump-help"]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = pipe
    try process.run()
    let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    let arguments = try JSONDecoder().decode(Help.self, from: data).command.arguments
    return Set(
      arguments.flatMap { $0.names ?? [] }.filter { $0.kind == "long" }.map { "--\($0.name)" }
    ).subtracting(["--help"])
  }

  private struct Help: Decodable {
    struct Command: Decodable {
      struct Argument: Decodable {
        struct Name: Decodable {
          var kind: String
          var name: String
        }
        var names: [Name]?
      }
      var arguments: [Argument]
    }
    var command: Command
  }

  /// Flag, variable and key of each row, by heading.
  private static func tables() throws -> [String: [[String]]] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appending(path: "docs/operating.md"), encoding: .utf8)
    var tables: [String: [[String]]] = [:]
    var heading = ""
    for line in text.split(separator: "\n") {
      if line.hasPrefix("#") { heading = String(line.drop { $0 == "#" || $0 == " " }) }
      guard line.hasPrefix("| `--") else { continue }
      let cells = line.split(separator: "|", omittingEmptySubsequences: false).dropFirst()
      tables[heading, default: []].append(
        cells.prefix(3).map {
          $0.replacing("`", with: "").trimmingCharacters(in: .whitespaces)
        })
    }
    return tables
  }
}
