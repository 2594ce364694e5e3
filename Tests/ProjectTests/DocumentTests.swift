import Foundation
import Testing

/// Holds every document to the programs: what one names, the other has.
@Suite struct DocumentTests {
  private let documents: DocumentMentions

  init() throws { documents = try DocumentMentions.ofProject() }

  /// `thumbprint query --image FILE`, in a block or in running text: the command and its flags.
  @Test func everyCommandThatIsNamedExists() throws {
    let programs = try ProgramHelp.all()
    var count = 0
    for mention in documents.commands + documents.spans {
      var words = mention.words
      guard let first = words.first else { continue }
      var name = first.split(separator: "/").last.map(String.init) ?? first
      // Running text leaves the name of the program away: `cluster status`.
      if !mention.isBlock, words.count > 1, programs[name] == nil,
        programs["thumbprint"]?.root.children.contains(where: { $0.commandName == first }) == true,
        !(mention.path.hasPrefix("Tools/") || mention.path == "docs/cluster.md")
      {
        name = "thumbprint"
        words.insert(name, at: 0)
      }
      // The first lines of files begin with the name, too.
      guard let program = programs[name], words.count > 1, !mention.text.contains(", format ")
      else { continue }
      count += 1
      let (commands, rest, wrong) = program.follow(words.dropFirst())
      if let wrong {
        Issue.record("\(mention.place): '\(name)' has no command '\(wrong)': \(mention.text)")
        continue
      }
      let known = commands.reduce(into: Set<String>()) { $0.formUnion($1.flagsBelow) }
        .union(program.root.children.isEmpty ? program.allFlags : [])
      for flag in Self.flags(in: rest) where !known.contains(flag) {
        Issue.record("\(mention.place): no flag \(flag): \(mention.text)")
      }
    }
    #expect(count > 150, "few commands were found: are the documents read?")
  }

  /// `--flag` alone, in running text: somebody has it.
  @Test func everyFlagThatIsNamedExists() throws {
    var known = Set(try ProgramHelp.all().values.flatMap(\.allFlags))
    known.formUnion(try Self.flagsOfScripts())
    // Of tools that are not of the project.
    known.formUnion(["--static-swift-stdlib", "--scratch-path"])
    for mention in documents.spans where mention.text.hasPrefix("-") {
      for flag in Self.flags(in: mention.words[...]) where !known.contains(flag) {
        Issue.record("\(mention.place): no program or script has \(flag)")
      }
    }
  }

  /// `Tools/bench/run-all --list`: the script, and its flags.
  @Test func everyScriptThatIsNamedExists() throws {
    for mention in documents.commands + documents.spans {
      guard let name = mention.words.first, name.hasPrefix("Tools/") || name.hasPrefix("Cluster/"),
        !name.contains("*"), mention.words.count > 1
      else { continue }
      let known = try Self.flagsOfScripts(
        in: name.split(separator: "/").dropLast().joined(separator: "/"))
      for flag in Self.flags(in: mention.words.dropFirst()) where !known.contains(flag) {
        Issue.record("\(mention.place): '\(name)' has no \(flag)")
      }
    }
  }

  /// Folders and files of the project, from its root.
  @Test func everyPathThatIsNamedExists() {
    let form = /(?:Sources|Tests|Tools|Cluster|Benchmarks|docs|\.ci)\/[\w.@\/+-]*/
    for mention in documents.all where mention.isBlock == false || mention.language == "sh" {
      for match in mention.text.matches(of: form) {
        // A part of a longer path, or one with a place to fill in, names nothing by itself.
        let before = mention.text[..<match.range.lowerBound].last
        let after = mention.text[match.range.upperBound...].first
        guard before.map({ " \"'(=".contains($0) }) ?? true,
          after.map({ !"<*…${[".contains($0) }) ?? true
        else { continue }
        let path = String(match.output)
        // What tools make when they first run.
        guard !path.contains("/.") else { continue }
        #expect(
          FileManager.default.fileExists(atPath: Project.root.appending(path: path).path),
          "\(mention.place): there is no \(path)")
      }
    }
  }

  /// `LocalCollection.search`, `diskFull`, `medianMs`: names of the code, as it spells them.
  @Test func everyNameOfTheCodeExists() throws {
    var words = Set(
      ["Sources", "Tests"].flatMap { folder in
        (try? FileManager.default.contentsOfDirectory(
          atPath: Project.root.appending(path: folder).path)) ?? []
      })
    for file in try ["Sources", "Tests", "Tools", "Cluster"].flatMap(Project.texts) {
      words.formUnion(file.words)
    }
    var count = 0
    for mention in documents.spans {
      guard
        let name = mention.text.wholeMatch(of: /([A-Za-z]\w*(?:\.[A-Za-z]\w*)*)(?:\(.*\))?/)?.output
          .1,
        name.contains(/[a-z][A-Z]|[A-Z][a-z]+\./)
      else { continue }
      count += 1
      for word in name.split(separator: ".") where !words.contains(String(word)) {
        Issue.record("\(mention.place): the code has no '\(word)' of \(name)")
      }
    }
    #expect(count > 200)
  }

  @Test func everyVariableExistsAndIsDocumented() throws {
    func variables(of file: Project.File) -> Set<String> {
      file.words.filter { $0.hasPrefix("THUMBPRINT_") && $0.wholeMatch(of: /[A-Z_]+[A-Z]/) != nil }
    }
    var written: [String: String] = [:]
    for file in try Project.files(endings: [".md"]) {
      for name in variables(of: file) { written[name] = file.path }
    }
    var read: [String: String] = [:]
    for file in try ["Sources", "Tests", "Tools", "Cluster"].flatMap(Project.texts) {
      for name in variables(of: file) { read[name] = file.path }
    }
    // The daemons make the names of their variables of their flags.
    let programs = try ProgramHelp.all()
    for name in ["thumbprint-coordinator", "thumbprint-shard"] {
      for flag in programs[name]?.root.flags ?? [] {
        let key = flag.dropFirst(2).uppercased().replacing("-", with: "_")
        read["THUMBPRINT_" + key] = name
      }
    }
    for (name, path) in written where read[name] == nil {
      Issue.record("\(path): nothing reads \(name)")
    }
    for (name, path) in read where written[name] == nil {
      Issue.record("\(name), which \(path) reads, is in no document")
    }
  }

  /// Paths of the HTTP API and of probes. The API itself is compared with openapi.yaml elsewhere.
  @Test func everyRouteExistsAndIsDocumented() throws {
    let openapi = try Project.file("Sources/ThumbprintGateway/openapi.yaml")
    let api = openapi.lines.compactMap { $0.wholeMatch(of: /\s\s(\/api[^:]*):/)?.output.1 }
    #expect(api.count > 10)
    let patterns = api.map { $0.split(separator: "/") }
    for mention in documents.all {
      for match in mention.text.matches(of: /\/api\/v1[\w\/{}$.-]*/) {
        let parts = match.output.split(separator: "/")
        let isThere = patterns.contains { pattern in
          pattern.count == parts.count
            && zip(pattern, parts).allSatisfy { $0 == $1 || $0.hasPrefix("{") }
        }
        #expect(isThere, "\(mention.place): no route \(match.output)")
      }
    }
    var probes: Set<String> = []
    for file in try Project.files(in: "Sources/ThumbprintMonitoring", endings: [".swift"]) {
      probes.formUnion(
        file.text.matches(of: /routes\.get\("([a-z]+)"\)/).map { "/\($0.output.1)" })
    }
    let table = Set(
      try Project.file("docs/reference/metrics.md").lines
        .compactMap { $0.firstMatch(of: /^\| `(\/[a-z]+)` \|/)?.output.1 }.map(String.init))
    #expect(table == probes && !probes.isEmpty, "the paths of metrics.md are not those served")
  }

  /// Alerts and other pages speak of metrics by name; metrics.md is compared with the daemons.
  @Test func everyMetricExists() throws {
    let form = /thumbprint_[a-z_]*[a-z]\b/
    let page = try Project.file("docs/reference/metrics.md")
    let known = Set(page.text.matches(of: form).map(\.output))
    for mention in documents.all {
      for match in mention.text.matches(of: form) where !known.contains(match.output) {
        let isSeries = ["_bucket", "_sum", "_count"].contains {
          match.output.hasSuffix($0) && known.contains(match.output.dropLast($0.count))
        }
        #expect(isSeries, "\(mention.place): no metric \(match.output)")
      }
    }
  }

  private static func flags(in words: some Sequence<String>) -> [String] {
    words.flatMap { $0.split(separator: "|") }.compactMap {
      $0.firstMatch(of: /^(--[a-z][a-z-]*|-[a-z])(?:=.*)?$/).map { String($0.output.1) }
    }
  }

  /// Every flag that the text of a script, or of a module beside it, has.
  private static func flagsOfScripts(in folder: String? = nil) throws -> Set<String> {
    let folders = folder.map { [$0] } ?? ["Tools", "Cluster"]
    var found: Set<String> = ["-h", "--help"]
    for file in try folders.flatMap(Project.texts) {
      found.formUnion(file.text.matches(of: /--[a-z][a-z-]*|-[a-z]\b/).map { String($0.output) })
    }
    return found
  }
}
