import Foundation

/// What the documents of the project write as code.
struct DocumentMentions {
  struct Mention {
    var path: String
    var line: Int
    var text: String
    /// Of a block, a line of it; else what stands between two backticks.
    var isBlock: Bool
    /// What is written behind the three backticks that open the block.
    var language = ""

    var place: String { "\(path):\(line)" }
    /// As a shell would take it apart, without the marks of optional parts.
    var words: [String] {
      text.split(whereSeparator: \.isWhitespace).map {
        $0.trimmingCharacters(in: CharacterSet(charactersIn: "[](){}\"',;…"))
      }.filter { !$0.isEmpty }
    }
  }

  /// All of them, in the order of files and lines.
  let all: [Mention]

  /// Every document but what tools made.
  static func ofProject() throws -> DocumentMentions {
    DocumentMentions(try Project.files(endings: [".md"]))
  }

  init(_ files: [Project.File]) { all = files.flatMap(Self.mentions) }

  /// What is written to be run: the commands of blocks of shells, one by one.
  var commands: [Mention] {
    all.filter { $0.isBlock && ["", "sh", "bash", "console"].contains($0.language) }
      .flatMap(Self.simpleCommands)
  }

  /// What is written between two backticks in running text.
  var spans: [Mention] { all.filter { !$0.isBlock } }

  private static func mentions(in file: Project.File) -> [Mention] {
    var found: [Mention] = []
    var language: String?
    var begun = ""
    for (index, line) in file.lines.enumerated() {
      if line.hasPrefix("```") {
        language = language == nil ? String(line.dropFirst(3)) : nil
      } else if let language {
        // A command that goes on in the next line is one.
        if line.hasSuffix("\\") {
          begun += line.dropLast() + " "
          continue
        }
        found.append(
          Mention(
            path: file.path, line: index + 1, text: begun + line, isBlock: true,
            language: language))
        begun = ""
      } else {
        for span in line.matches(of: /`+([^`]+)`+/) {
          found.append(
            Mention(path: file.path, line: index + 1, text: String(span.output.1), isBlock: false))
        }
      }
    }
    return found
  }

  /// The commands of one line, without comments, assignments before them and redirections.
  private static func simpleCommands(of mention: Mention) -> [Mention] {
    let line = mention.text.replacing(/(^|\s)#\s.*$/, with: "")
    return line.split(separator: /\|\||&&|[|;]/).map { part in
      var words = part.split(separator: " ").map(String.init)
      while let word = words.first,
        word == "$" || word.wholeMatch(of: /[A-Z_]+=\S*/) != nil
          || ["export", "time"].contains(word)
      {
        words.removeFirst()
      }
      if let end = words.firstIndex(where: { $0.contains(">") || $0.contains("<") }) {
        words.removeSubrange(end...)
      }
      var command = mention
      command.text = words.joined(separator: " ")
      return command
    }
  }
}
