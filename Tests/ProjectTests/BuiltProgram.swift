import Foundation
import Testing

/// The programs that were built with these tests.
enum BuiltProgram {
  /// The folder of the running test program, where the build puts every product.
  static let folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent()

  /// Runs a program to its end and returns what it printed.
  static func output(
    _ arguments: [String], of program: String = "thumbprint", in directory: URL? = nil
  ) throws -> Data {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = folder.appending(path: program)
    process.arguments = arguments
    process.currentDirectoryURL = directory
    process.environment = ["PATH": "/usr/bin:/bin"]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = pipe
    try process.run()
    let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(program) \(arguments) failed")
    return data
  }
}
