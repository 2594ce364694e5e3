import Foundation
import Testing

/// Holds docs/reference/cli.md to what the program accepts, both ways.
@Suite struct CommandReferenceTests {
  @Test func everyCommandAndFlagIsDocumentedAndNothingElse() throws {
    let commands = try Self.commandsOfProgram()
    let reference = try Reference(Project.file("docs/reference/cli.md"))
    #expect(Set(commands.keys) == Set(reference.sections.keys))
    for (command, flags) in commands {
      let written = reference.sections[command] ?? []
      let missing = flags.subtracting(written).subtracting(reference.common)
      let invented = written.subtracting(flags)
      #expect(missing.isEmpty, "\(command): not in the reference: \(missing.sorted())")
      #expect(invented.isEmpty, "\(command): only in the reference: \(invented.sorted())")
    }
    let used = commands.values.reduce(into: Self.everywhere) { $0.formUnion($1) }
    #expect(reference.common.isSubset(of: used), "a common flag that no command has")
  }

  @Test func everyCommandHasAnAbstractAndExamples() throws {
    let root = try Self.help()
    var leaves = 0
    root.visit { command in
      #expect(command.abstract?.hasSuffix(".") == true, "\(command.path): abstract")
      for line in (command.discussion ?? "").split(separator: "\n") where line.count > 80 {
        Issue.record("\(command.path): --help breaks this line: \(line)")
      }
      guard command.children.isEmpty else { return }
      leaves += 1
      #expect(
        command.discussion?.contains("Examples:\n  thumbprint ") == true,
        "\(command.path): --help shows no examples")
      for argument in command.arguments ?? [] where argument.shouldDisplay {
        #expect(argument.abstract?.isEmpty == false, "\(command.path): \(argument) has no help")
      }
    }
    #expect(leaves > 10)
  }

  /// The parser's own, on every command.
  private static let everywhere: Set<String> = ["-h", "--help"]

  /// The flags of each command that does something, by its full name.
  private static func commandsOfProgram() throws -> [String: Set<String>] {
    var commands: [String: Set<String>] = [:]
    try help().visit { command in
      guard command.children.isEmpty || command.superCommands == nil else { return }
      commands[command.path] = Set(
        (command.arguments ?? []).flatMap { argument in
          (argument.names ?? []).map { $0.kind == "short" ? "-\($0.name)" : "--\($0.name)" }
        }
      ).subtracting(everywhere)
    }
    return commands
  }

  private static func help() throws -> Command {
    let json = try BuiltProgram.output(["--experimental-dump-help"])
    return try JSONDecoder().decode(ToolInfo.self, from: json).command
  }
}

/// The flags that the first column of the tables of the reference names, by heading.
private struct Reference {
  var common: Set<String> = []
  var sections: [String: Set<String>] = [:]

  init(_ file: Project.File) {
    var heading = ""
    for line in file.lines {
      if line.hasPrefix("#") {
        heading = String(line.drop { $0 == "#" || $0 == " " })
        if heading.hasPrefix("thumbprint") { sections[heading] = [] }
      } else if line.hasPrefix("| `-") {
        let cell = line.dropFirst(2).prefix { $0 != "|" }
        let flags = cell.matches(of: /`(--?[A-Za-z][A-Za-z-]*)/).map { String($0.output.1) }
        if heading == "Common flags" {
          common.formUnion(flags)
        } else {
          sections[heading, default: []].formUnion(flags)
        }
      }
    }
  }
}

/// What `--experimental-dump-help` prints, as far as it is read here.
private struct ToolInfo: Decodable {
  var command: Command
}

private struct Command: Decodable {
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

  func visit(_ body: (Command) -> Void) {
    body(self)
    for child in children { child.visit(body) }
  }
}
