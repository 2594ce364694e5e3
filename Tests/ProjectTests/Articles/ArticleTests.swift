import Foundation
import Testing

/// The articles of the libraries, `Sources/TARGET/TARGET.docc`, show Swift that compiles and runs.
@Suite struct ArticleTests {
  @Test func everyExampleIsOneThatRuns() throws {
    let source = try Project.file("Tests/ProjectTests/Articles/ArticleExamples.swift")
    var examples: [String: [String]] = [:]
    var name: String?
    for line in source.lines {
      let text = line.trimmingCharacters(in: .whitespaces)
      if text.hasPrefix("// article: ") {
        name = String(text.dropFirst("// article: ".count))
      } else if text == "// end" {
        name = nil
      } else if let name {
        examples[name, default: []].append(line.isEmpty ? "" : String(line.dropFirst(4)))
      }
    }
    let articles = try Project.files(in: "Sources", endings: [".md"])
    var shown: [String: [String]] = [:]
    for article in articles {
      let name = String(article.path.split(separator: "/").last?.dropLast(3) ?? "")
      let blocks = article.text.components(separatedBy: "```swift\n").dropFirst()
      #expect(blocks.count <= 1, "\(article.path) has more than one example")
      for block in blocks {
        let code = block.components(separatedBy: "\n```")[0]
        shown[name] = code.components(separatedBy: "\n")
      }
    }
    #expect(Set(shown.keys) == Set(examples.keys))
    for (name, lines) in shown {
      #expect(lines == examples[name], "\(name): the article shows other code than what runs")
    }
    #expect(shown.count >= 9)
  }

  /// Each library that Package.swift offers has a catalogue with a page for the library itself.
  @Test func everyLibraryHasAnArticle() throws {
    let package = try Project.file("Package.swift").text
    for library in package.matches(of: /\.library\(name: "(\w+)"/).map(\.output.1) {
      let path = "Sources/\(library)/\(library).docc/\(library).md"
      let page = try? Project.file(path)
      #expect(page?.text.hasPrefix("# ``\(library)``\n") == true, "\(path)")
    }
  }
}
