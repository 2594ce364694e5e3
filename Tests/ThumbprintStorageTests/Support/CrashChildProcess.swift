import Foundation
import Glibc

/// The helper program of the crash tests, running.
final class CrashChildProcess {
  private let process = Process()
  private let output = Pipe()

  /// Built beside the bundle of the tests.
  private static var program: String {
    var path = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &path, path.count - 1)
    let own = String(decoding: path[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let candidates = [own, CommandLine.arguments[0]].map {
      URL(fileURLWithPath: $0).deletingLastPathComponent().path + "/thumbprint-crash-child"
    }
    return candidates.first { FileManager.default.isExecutableFile(atPath: $0) } ?? candidates[1]
  }

  init(_ arguments: [String]) throws {
    process.executableURL = URL(fileURLWithPath: Self.program)
    process.arguments = arguments
    process.standardOutput = output
    try process.run()
  }

  /// Kills the process with SIGKILL, which it cannot see coming.
  func killNow() {
    kill(process.processIdentifier, SIGKILL)
  }

  /// What the process said, once it has ended.
  func finish() -> [String] {
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
  }
}
