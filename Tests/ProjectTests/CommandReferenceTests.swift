import Foundation
import Testing

/// Holds the pages of reference to what the programs accept, both ways.
@Suite struct CommandReferenceTests {
  @Test(
    arguments: [
      ("docs/reference/cli.md", ["thumbprint"]),
      ("docs/reference/trials.md", ["thumbprint-trial", "thumbprint-simulate"]),
    ])
  func everyCommandAndFlagIsDocumentedAndNothingElse(_ page: String, _ names: [String]) throws {
    let all = try ProgramHelp.all()
    var commands: [String: Set<String>] = [:]
    for name in names { commands.merge(try #require(all[name]).flags) { $1 } }
    let reference = try Reference(Project.file(page))
    #expect(Set(commands.keys) == Set(reference.sections.keys))
    for (command, flags) in commands {
      let written = reference.sections[command] ?? []
      let missing = flags.subtracting(written).subtracting(reference.common)
      let invented = written.subtracting(flags)
      #expect(missing.isEmpty, "\(command): not in the reference: \(missing.sorted())")
      #expect(invented.isEmpty, "\(command): only in the reference: \(invented.sorted())")
    }
    let used = commands.values.reduce(into: Set(["-h", "--help"])) { $0.formUnion($1) }
    #expect(reference.common.isSubset(of: used), "a common flag that no command has")
  }

  @Test func everyCommandHasAnAbstractAndExamples() throws {
    let root = try ProgramHelp("thumbprint").root
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
        let flags = cell.matches(of: /`(--?[A-Za-z][A-Za-z0-9-]*)/).map { String($0.output.1) }
        if heading == "Common flags" {
          common.formUnion(flags)
        } else {
          sections[heading, default: []].formUnion(flags)
        }
      }
    }
  }
}
