import Foundation
import Testing

/// The program that was built with these tests.
enum BuiltProgram {
  /// The folder of the running test program, where the build puts every product.
  static let folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent()

  /// Runs `thumbprint` to its end and returns what it printed.
  static func output(_ arguments: [String]) throws -> Data {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = folder.appending(path: "thumbprint")
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = pipe
    try process.run()
    let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "thumbprint \(arguments) failed")
    return data
  }
}
