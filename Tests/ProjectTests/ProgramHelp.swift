import Foundation

/// What a program says of its commands and flags.
struct ProgramHelp {
  /// All programs that documents may speak of.
  static func all() throws -> [String: ProgramHelp] {
    let parsed = ["thumbprint", "thumbprint-coordinator", "thumbprint-shard", "thumbprint-trial"]
    var programs: [String: ProgramHelp] = [:]
    for name in parsed { programs[name] = try ProgramHelp(name) }
    programs["thumbprint-simulate"] = try ProgramHelp(usageOf: "thumbprint-simulate")
    return programs
  }

  let root: Command
  /// The flags of each command that does something, and of the program itself, by full name.
  let flags: [String: Set<String>]
  /// Every flag that is anywhere in the program.
  var allFlags: Set<String> { flags.values.reduce(into: Self.everywhere) { $0.formUnion($1) } }

  /// The parser's own, on every command.
  static let everywhere: Set<String> = [
    "-h", "--help", "--version", "--generate-completion-script", "--experimental-dump-help",
  ]

  /// Reads what a program of the argument parser dumps.
  init(_ program: String) throws {
    struct ToolInfo: Decodable {
      var command: Command
    }
    let json = try BuiltProgram.output(["--experimental-dump-help"], of: program)
    root = try JSONDecoder().decode(ToolInfo.self, from: json).command
    var flags: [String: Set<String>] = [:]
    root.visit { command in
      guard command.children.isEmpty || command.superCommands == nil else { return }
      flags[command.path] = command.flags
    }
    self.flags = flags
  }

  /// Reads the text of a program that has no commands and no parser.
  init(usageOf program: String) throws {
    let text = String(decoding: try BuiltProgram.output(["--help"], of: program), as: UTF8.self)
    let found = Set(text.matches(of: /--[a-z][a-z-]*/).map { String($0.output) })
    root = Command(commandName: program)
    flags = [program: found]
  }

  /// Follows the words behind the name of the program as far as they are commands.
  ///
  /// A word may offer several, `status|workers`. Returns the commands that are meant, how many words
  /// they took, and, where a word is no command of a group of commands, that word.
  func follow(_ words: ArraySlice<String>) -> (
    commands: [Command], rest: ArraySlice<String>, wrong: String?
  ) {
    var commands = [root]
    var rest = words
    while let word = rest.first, let group = commands.first, !group.children.isEmpty {
      let names = word.split(separator: "|").map(String.init)
      let found = commands.flatMap { command in
        command.children.filter { names.contains($0.commandName) }
      }
      if found.count < names.count {
        let isName = word.wholeMatch(of: /[a-z][a-z0-9|-]*/) != nil && word != "help"
        return (commands, rest, isName ? word : nil)
      }
      commands = found
      rest = rest.dropFirst()
    }
    return (commands, rest, nil)
  }
}

/// A command as `--experimental-dump-help` prints it, as far as it is read here.
struct Command: Decodable {
  struct Argument: Decodable {
    struct Name: Decodable {
      var kind: String
      var name: String
    }
    var names: [Name]?
    var abstract: String?
    var shouldDisplay: Bool
  }

  var superCommands: [String]?
  var commandName: String
  var abstract: String?
  var discussion: String?
  var arguments: [Argument]?
  var subcommands: [Command]?

  var path: String { ((superCommands ?? []) + [commandName]).joined(separator: " ") }
  /// Without the `help` command that the parser adds.
  var children: [Command] { (subcommands ?? []).filter { $0.commandName != "help" } }

  /// Its own flags, but for those that every command has.
  var flags: Set<String> {
    Set(
      (arguments ?? []).filter(\.shouldDisplay).flatMap { argument in
        (argument.names ?? []).map { $0.kind == "short" ? "-\($0.name)" : "--\($0.name)" }
      }
    ).subtracting(["-h", "--help"])
  }

  /// Its flags and those of all commands below it.
  var flagsBelow: Set<String> {
    children.reduce(into: flags.union(ProgramHelp.everywhere)) { $0.formUnion($1.flagsBelow) }
  }

  func visit(_ body: (Command) -> Void) {
    body(self)
    for child in children { child.visit(body) }
  }
}
