import Foundation
import Testing

/// A folder of its own for one test, in which the built program runs as its users run it.
/// Gone with everything in it when the test is over.
final class Sandbox {
  /// What a process left behind.
  struct Outcome {
    /// The exit status; the number of the signal plus 128 when one ended the process, as in a
    /// shell.
    var status: Int32
    var output: String
    var errors: String

    /// The document that `--json` printed.
    func json() throws -> Any {
      try JSONSerialization.jsonObject(with: Data(output.utf8))
    }

    /// The document as that type.
    func json<T>(_ type: T.Type) throws -> T {
      try #require(json() as? T, "not \(type): \(output)")
    }
  }

  /// The program that was built with these tests, beside the running test program.
  static let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appending(path: "thumbprint")

  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory
      .appending(path: "thumbprint-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: folder)
  }

  /// A path in the folder of this sandbox.
  func path(_ name: String) -> String { folder.appending(path: name).path }

  /// Writes a file into the folder.
  func write(_ bytes: some Sequence<UInt8>, to name: String) throws {
    try Data(bytes).write(to: folder.appending(path: name))
  }

  /// Starts the program in the folder, without input and without variables of the user.
  func start(_ arguments: [String], environment: [String: String] = [:]) throws -> Running {
    try Running(arguments, in: self, environment: environment)
  }

  /// Runs the program to its end.
  @discardableResult
  func run(_ arguments: String..., environment: [String: String] = [:]) throws -> Outcome {
    try start(arguments, environment: environment).outcome()
  }

  /// Runs the program, which has to end well, and returns what it printed.
  @discardableResult
  func succeed(
    _ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Outcome {
    let outcome = try start(arguments).outcome()
    try #require(
      outcome.status == 0, "thumbprint \(arguments): \(outcome.errors)",
      sourceLocation: sourceLocation)
    return outcome
  }

  /// Runs the program, which has to end with this status, nothing on standard output, and one
  /// error line that contains `part`, perhaps followed by one hint.
  @discardableResult
  func fail(
    _ status: Int32, _ part: String, _ arguments: String...,
    environment: [String: String] = [:], sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Outcome {
    let outcome = try start(arguments, environment: environment).outcome()
    let lines = outcome.errors.split(separator: "\n")
    let isWellFormed =
      lines.first?.hasPrefix("thumbprint: error: ") == true
      && lines.dropFirst().allSatisfy { $0.hasPrefix("  hint: ") } && lines.count <= 2
    #expect(
      outcome.status == status && isWellFormed && outcome.errors.contains(part)
        && outcome.output.isEmpty,
      "thumbprint \(arguments.joined(separator: " ")): status \(outcome.status), \(outcome.errors)\(outcome.output)",
      sourceLocation: sourceLocation)
    return outcome
  }
}

/// The program at work.
final class Running {
  private let process = Process()
  private let files: [URL]

  /// Output goes to files: they take any amount, so the process never waits for its reader.
  fileprivate init(
    _ arguments: [String], in sandbox: Sandbox, environment: [String: String]
  ) throws {
    let name = UUID().uuidString
    files = ["out", "err"].map { sandbox.folder.appending(path: ".\(name).\($0)") }
    for file in files { try Data().write(to: file) }
    process.executableURL = Sandbox.program
    process.arguments = arguments
    process.currentDirectoryURL = sandbox.folder
    process.environment = environment
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: files[0])
    process.standardError = try FileHandle(forWritingTo: files[1])
    try process.run()
  }

  var isRunning: Bool { process.isRunning }

  /// What standard error got so far.
  var errors: String { (try? String(contentsOf: files[1], encoding: .utf8)) ?? "" }

  func send(signal: Int32) {
    kill(process.processIdentifier, signal)
  }

  /// Waits until standard error contains `part` or the process ends.
  func wait(forError part: String) {
    while isRunning, !errors.contains(part) { usleep(1000) }
  }

  /// Waits for the end.
  func outcome() throws -> Sandbox.Outcome {
    process.waitUntilExit()
    let status = process.terminationStatus
    return Sandbox.Outcome(
      status: process.terminationReason == .uncaughtSignal ? 128 + status : status,
      output: String(decoding: try Data(contentsOf: files[0]), as: UTF8.self),
      errors: String(decoding: try Data(contentsOf: files[1]), as: UTF8.self))
  }
}
