import ArgumentParser
import Foundation
import ThumbprintCodes

/// The program as a whole: parses the command line, runs the command, and turns every error
/// into one line and an exit status.
public enum ThumbprintProgram {
  /// Runs the command that the process was started with and ends the process.
  public static func run() -> Never {
    let arguments = Array(CommandLine.arguments.dropFirst())
    // A limit on the size of files is then an error of a write, as a full disk is, not a death.
    signal(SIGXFSZ, SIG_IGN)
    do {
      try checkEnvironment()
      var command = try Thumbprint.parseAsRoot(arguments)
      try command.run()
      exit(ExitStatus.done.rawValue)
    } catch {
      if Thumbprint.exitCode(for: error) == .success {
        // A request for help, the version or a completion script.
        let wroteAll = (try? Console.write(Thumbprint.fullMessage(for: error) + "\n")) != nil
        exit(wroteAll ? ExitStatus.done.rawValue : ExitStatus.inputOutput.rawValue)
      }
      let failure = UnknownCommand.error(arguments) ?? CommandError(any: error)
      let verbose = arguments.contains { $0 == "--verbose" || $0 == "-v" }
      Console.note(failure.text(verbose: verbose), newline: false)
      exit(failure.status.rawValue)
    }
  }

  /// Refuses a variable that the kernels would pass over in silence.
  private static func checkEnvironment() throws {
    let variable = "THUMBPRINT_KERNELS"
    guard let name = ProcessInfo.processInfo.environment[variable], !name.isEmpty,
      name != HammingKernels.levelName
    else { return }
    throw CommandError(
      .usage,
      "\(variable): '\(name)' is not one of \(HammingKernels.available.joined(separator: ", ")), "
        + "the kernels that this machine runs")
  }
}
