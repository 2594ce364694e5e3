import ArgumentParser

/// What is said of a command that does not exist, which the parser takes for an argument too many.
package enum UnknownCommand {
  /// The error for the first word that should name a command and does not; `nil` if there is none.
  package static func error(_ arguments: [String]) -> CommandError? {
    var commands = subcommands(of: Thumbprint.self)
    var path = "thumbprint"
    for word in arguments {
      if commands.isEmpty || word.hasPrefix("-") || word == "help" { return nil }
      if let place = commands.firstIndex(where: { $0.configuration.commandName == word }) {
        path += " \(word)"
        commands = subcommands(of: commands[place])
        continue
      }
      let names = commands.compactMap { $0.configuration.commandName }
      let near = names.map { (name: $0, distance: distance(word, $0)) }
        .filter { $0.distance <= 2 }.min { $0.distance < $1.distance }
      return CommandError(
        .usage, "there is no command '\(path) \(word)'",
        hint: near.map { "did you mean '\(path) \($0.name)'?" } ?? "see '\(path) --help'")
    }
    return nil
  }

  private static func subcommands(
    of command: any ParsableCommand.Type
  ) -> [any ParsableCommand.Type] {
    let configuration = command.configuration
    return configuration.subcommands
      + configuration.groupedSubcommands.flatMap { $0.subcommands }
  }

  /// Characters to add, drop or replace to make one word of the other.
  private static func distance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a.prefix(32)), Array(b))
    var row = Array(0...b.count)
    for (i, character) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for j in b.indices {
        let cost = diagonal + (character == b[j] ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(cost, row[j + 1] + 1, row[j] + 1)
      }
    }
    return row[b.count]
  }
}
