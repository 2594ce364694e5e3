import ArgumentParser
import Foundation

/// `thumbprint-trial`: real clusters of the real executables, measured and tormented.
public struct TrialProgram: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "thumbprint-trial",
    abstract: "Starts clusters of real processes on this machine, and measures or torments them.",
    discussion: """
      Each trial starts the executables that lie beside this one, on loopback, in a folder of its \
      own that is removed at the end; records are made from a seed. It prints what was found and \
      what was asked, and exits with 1 if something that was asked does not hold.

      Examples:
        thumbprint-trial latency
        thumbprint-trial kills --kills 20 --json
      """,
    subcommands: [
      LatencyCommand.self, ThroughputCommand.self, LoadTrialCommand.self, EqualityCommand.self,
      KillsCommand.self, RebalanceCommand.self, SoakCommand.self, PartitionCommand.self,
    ])

  public init() {}

  /// Runs what the command line asks for; exits unless all is well.
  public static func start() async { await main() }
}

/// What every trial can be told.
struct TrialOptions: ParsableArguments {
  @Option(help: "Seed of the records and of what happens when (default: a random one).")
  var seed: UInt64?

  @Option(
    help: ArgumentHelp("Folder for what is written, on the disk to be measured.", valueName: "dir"))
  var dir: String?

  @Flag(help: "Print JSON in place of a table.")
  var json = false

  @Flag(help: "Leave the folder, with the logs of all processes, where it is.")
  var keep = false

  /// Runs a trial in a folder of its own, prints what it found, and gives the status to exit with.
  func run(_ body: (UInt64, Scratch) async throws -> TrialReport) async throws {
    let seed = seed ?? UInt64.random(in: 1...UInt64(UInt32.max))
    let signals = ChildProcess.killAllAtSignals()
    defer { withExtendedLifetime(signals) {} }
    let scratch: Scratch
    do {
      scratch = try Scratch(in: dir)
    } catch {
      try fail(error, 69)
    }
    Chatter.say("seed=\(seed), in \(scratch.folder.path)")
    do {
      let report = try await body(seed, scratch)
      if keep || !report.isMet {
        Chatter.say("logs are in \(scratch.folder.path)")
      } else {
        scratch.remove()
      }
      print(json ? report.json : report.text, terminator: "")
      if !report.isMet { throw ExitCode(1) }
    } catch let code as ExitCode {
      throw code
    } catch {
      Chatter.say("logs are in \(scratch.folder.path)")
      try fail(error, 1)
    }
  }

  private func fail(_ error: any Error, _ status: Int32) throws -> Never {
    FileHandle.standardError.write(Data("thumbprint-trial: error: \(error)\n".utf8))
    throw ExitCode(status)
  }
}
