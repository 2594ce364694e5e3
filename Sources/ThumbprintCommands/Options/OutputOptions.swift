import ArgumentParser

/// How much is said on standard error.
struct LogOptions: ParsableArguments {
  @Flag(name: [.long, .customShort("q")], help: "Show no progress and no notes.")
  var quiet = false

  @Flag(
    name: [.long, .customShort("v")], help: "Say more: times, and the cause behind an error.")
  var verbose = false

  mutating func validate() throws {
    if quiet, verbose {
      throw ValidationError("--quiet: cannot be given together with --verbose")
    }
  }

  /// Tells the user something that is not a result.
  func note(_ text: @autoclosure () -> String) {
    if !quiet { Console.note(text()) }
  }

  /// Tells something that only `--verbose` asks for.
  func detail(_ text: @autoclosure () -> String) {
    if verbose { Console.note(text()) }
  }
}

/// For commands that print results.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print results as one JSON document.")
  var json = false

  @OptionGroup var log: LogOptions
}
