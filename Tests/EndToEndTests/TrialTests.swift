import Foundation
import Testing

/// The trials of clusters in short: real processes, killed. What they promise in numbers is held
/// here; how fast this machine is, is not.
@Suite(.serialized) struct TrialTests {
  /// Runs a trial, of which every figure that was asked for has to hold unless it is of time.
  private func trial(_ name: String, _ arguments: String...) throws -> [[String: Any]] {
    let sandbox = try Sandbox()
    let process = Process()
    let output = sandbox.folder.appending(path: "out")
    let errors = sandbox.folder.appending(path: "err")
    for file in [output, errors] { try Data().write(to: file) }
    process.executableURL = Sandbox.program.deletingLastPathComponent()
      .appending(path: "thumbprint-trial")
    process.arguments = [name] + arguments + ["--dir", sandbox.folder.path, "--json"]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    process.waitUntilExit()
    let said = String(decoding: try Data(contentsOf: errors), as: UTF8.self)
    let document = try #require(
      try? JSONSerialization.jsonObject(with: Data(contentsOf: output)) as? [String: Any],
      "\(said)")
    let figures = try #require(document["figures"] as? [[String: Any]])
    for figure in figures
    where figure["holds"] as? Bool == false && figure["isTimed"] as? Bool == false {
      Issue.record("\(name): \(figure): \(document["notes"] ?? ""): \(said)")
    }
    return figures
  }

  /// The story: the script of the lab was looked for below the folder that one happened to be in, and
  /// where it was not, the trial ended with "hosts-lab up ended with 127".
  @Test func aLabThatIsNotThereIsNamed() throws {
    let sandbox = try Sandbox()
    let process = Process()
    let errors = sandbox.folder.appending(path: "err")
    try Data().write(to: errors)
    process.executableURL = Sandbox.program.deletingLastPathComponent()
      .appending(path: "thumbprint-trial")
    process.arguments = ["partition", "--lab", "nowhere/lab", "--dir", sandbox.folder.path]
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    process.waitUntilExit()
    let said = String(decoding: try Data(contentsOf: errors), as: UTF8.self)
    #expect(process.terminationStatus == 1)
    #expect(said.contains("error: --lab: there is no script 'nowhere/lab'"), "\(said)")
  }

  private func number(_ what: String, _ figures: [[String: Any]]) -> Double? {
    figures.first { ($0["what"] as? String)?.hasPrefix(what) == true }?["number"] as? Double
  }

  @Test func answersAreRightAndComplete() throws {
    let figures = try trial("latency", "--count", "2000", "--shards", "3", "--queries", "50")
    #expect(number("recall", figures) == 1)
  }

  @Test func connectionsSideBySideGetTheirAnswers() throws {
    let figures = try trial(
      "throughput", "--count", "2000", "--shards", "3", "--seconds", "0.5", "--depth", "4")
    #expect((number("queries", figures) ?? 0) > 0)
  }

  @Test func nothingAcknowledgedIsLostInKills() throws {
    let figures = try trial(
      "kills", "--count", "2000", "--shards", "4", "--kills", "3", "--coordinator")
    #expect((number("writes acknowledged", figures) ?? 0) > 0)
  }
}
