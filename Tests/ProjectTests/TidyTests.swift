import Foundation
import Testing

/// The house rules that a compiler does not hold.
@Suite struct TidyTests {
  /// Who may import whom: arrows point down only. A target is added here when it is made,
  /// below everything that will use it.
  static let order: [(target: String, mayImport: Set<String>)] = [
    ("CHamming", []),
    ("CNets", []),
    ("CLMDB", []),
    ("CXXHash", []),
    ("COpenBLAS", []),
    ("CPNG", []),
    ("CJPEG", []),
    ("ThumbprintCodes", ["CHamming", "CXXHash"]),
    ("ThumbprintIndex", ["ThumbprintCodes", "CHamming"]),
    ("ThumbprintWire", ["ThumbprintCodes", "CXXHash"]),
    ("ThumbprintTranslation", ["ThumbprintWire", "ThumbprintIndex", "ThumbprintCodes"]),
    ("ThumbprintStorage", ["ThumbprintIndex", "ThumbprintCodes", "CLMDB", "CXXHash"]),
    ("ThumbprintCluster", ["ThumbprintCodes"]),
    (
      "ThumbprintPlanning",
      ["ThumbprintCluster", "ThumbprintStorage", "ThumbprintIndex", "ThumbprintCodes"]
    ),
    ("ThumbprintSimulation", ["ThumbprintCluster", "ThumbprintCodes"]),
    ("thumbprint-simulate", ["ThumbprintSimulation"]),
    (
      "ThumbprintTransport",
      [
        "ThumbprintWire", "ThumbprintCodes", "NIOCore", "NIOPosix", "NIOSSL", "NIOTLS", "Logging",
      ]
    ),
    (
      "ThumbprintClient",
      ["ThumbprintTransport", "ThumbprintWire", "ThumbprintCodes", "NIOCore", "NIOPosix"]
    ),
    (
      "ThumbprintServer",
      [
        "ThumbprintTransport", "ThumbprintTranslation", "ThumbprintWire", "ThumbprintCluster",
        "ThumbprintStorage", "ThumbprintIndex", "ThumbprintCodes", "CLMDB", "NIOCore", "NIOPosix",
        "Logging",
        "CoreMetrics", "ServiceLifecycle", "UnixSignals", "Yams",
      ]
    ),
    (
      "ThumbprintMonitoring",
      [
        "ThumbprintServer", "ThumbprintTransport", "ThumbprintWire", "NIOCore", "NIOPosix",
        "NIOHTTP1", "Logging", "CoreMetrics", "ServiceLifecycle", "Hummingbird", "HummingbirdCore",
        "HTTPTypes",
        "ArgumentParser",
      ]
    ),
    ("ThumbprintNets", ["ThumbprintCodes", "CNets", "COpenBLAS"]),
    ("ThumbprintImages", ["CPNG", "CJPEG"]),
    ("ThumbprintScenes", ["ThumbprintImages", "ThumbprintCodes"]),
    ("ThumbprintCoding", ["ThumbprintNets", "ThumbprintImages", "ThumbprintCodes", "CXXHash"]),
    (
      "ThumbprintGateway",
      [
        "ThumbprintMonitoring", "ThumbprintServer", "ThumbprintClient", "ThumbprintTransport",
        "ThumbprintCoding", "ThumbprintImages", "ThumbprintWire", "ThumbprintCodes", "Hummingbird",
        "HTTPTypes",
        "NIOCore",
        "Logging",
      ]
    ),
    (
      "thumbprint-coordinator",
      [
        "ThumbprintGateway", "ThumbprintMonitoring", "ThumbprintServer", "ArgumentParser",
        "ServiceLifecycle",
      ]
    ),
    (
      "thumbprint-shard",
      [
        "ThumbprintMonitoring", "ThumbprintServer", "ThumbprintCluster", "ThumbprintCodes",
        "ArgumentParser", "ServiceLifecycle",
      ]
    ),
    (
      "ThumbprintCommands",
      [
        "ThumbprintClient", "ThumbprintTransport", "ThumbprintTranslation", "ThumbprintWire",
        "ThumbprintPlanning", "ThumbprintStorage",
        "ThumbprintIndex", "ThumbprintCodes", "ThumbprintCoding", "ThumbprintNets",
        "ThumbprintImages",
        "ThumbprintScenes", "CXXHash", "ArgumentParser",
      ]
    ),
    ("thumbprint", ["ThumbprintCommands"]),
    (
      "ThumbprintTrials",
      [
        "ThumbprintClient", "ThumbprintTransport", "ThumbprintTranslation", "ThumbprintWire",
        "ThumbprintCommands", "ThumbprintStorage", "ThumbprintIndex", "ThumbprintCodes",
        "ArgumentParser", "NIOCore",
        "NIOPosix",
      ]
    ),
    ("thumbprint-trial", ["ThumbprintTrials"]),
    ("ThumbprintTestKit", ["ThumbprintStorage", "ThumbprintIndex", "ThumbprintCodes"]),
  ]

  /// Part of the toolchain, so every target may import them.
  static let toolchain: Set<String> = [
    "Foundation", "Dispatch", "Glibc", "Musl", "Synchronization", "Swift",
  ]

  @Test func importsPointDown() throws {
    let allowed = Dictionary(uniqueKeysWithValues: Self.order.map { ($0.target, $0.mayImport) })
    let files = try Project.files(in: "Sources", endings: [".swift"])
    #expect(files.count > 20)
    for file in files {
      let target = String(file.path.split(separator: "/")[1])
      let imports = try #require(allowed[target], "\(file.path): target not in TidyTests.order")
      for (line, module) in Self.imports(of: file)
      where !Self.toolchain.contains(module) && !imports.contains(module) {
        Issue.record("\(file.path):\(line): \(target) may not import \(module)")
      }
    }
  }

  @Test func orderHasNoCycle() {
    var below: Set<String> = [
      "ArgumentParser", "NIOCore", "NIOPosix", "Logging", "CoreMetrics", "ServiceLifecycle",
      "UnixSignals", "Yams", "Hummingbird", "HummingbirdCore", "HTTPTypes", "NIOSSL", "NIOTLS",
      "NIOHTTP1",
    ]
    for (target, mayImport) in Self.order {
      #expect(mayImport.isSubset(of: below), "\(target) imports what stands above it")
      below.insert(target)
    }
  }

  @Test func filesAreShort() throws {
    for file in try Project.files(in: "Sources", endings: [".swift", ".c", ".h"]) {
      let count = file.lines.count
      #expect(count <= 600, "\(file.path) has \(count) lines; is there a second idea inside?")
    }
  }

  @Test func uncheckedSendableSaysWhy() throws {
    for file in try Project.files(in: "Sources", endings: [".swift"]) {
      for (index, line) in file.lines.enumerated()
      where line.contains("@unchecked Sendable") && !Self.isComment(line) {
        let above = index > 0 ? file.lines[index - 1] : ""
        #expect(Self.isComment(above), "\(file.path):\(index + 1): say above why this is safe")
      }
    }
  }

  @Test func nothingIsLeftForLater() throws {
    // Spelled in halves, so that this file passes its own test.
    let marks = ["TO" + "DO", "FIX" + "ME", "." + "disabled("]
    try forEachLine { file, number, line in
      for mark in marks where line.contains(mark) {
        Issue.record("\(file.path):\(number): \(mark): finish it, or say why not without the word")
      }
    }
  }

  @Test func noPathOfOneMachine() throws {
    let roots = ["home", "root", "Users", "work", "opt", "mnt"].map { "/" + $0 + "/" }
    let relativeOrAddress = /[A-Za-z0-9_.~)}-]$/
    try forEachLine { file, number, line in
      for root in roots {
        for range in line.ranges(of: root)
        where line[..<range.lowerBound].firstMatch(of: relativeOrAddress) == nil {
          Issue.record("\(file.path):\(number): a path that only one machine has: \(line)")
        }
      }
    }
  }

  @Test func linksLeadSomewhere() throws {
    for file in try Project.files(endings: [".md"]) {
      let folder = URL(filePath: "/" + file.path).deletingLastPathComponent()
      for link in file.text.matches(of: /\]\(([^)\s#]+)(?:#([^)\s]+))?\)/) {
        let target = String(link.output.1)
        guard !target.contains("://") else { continue }
        let path = String(folder.appending(path: target).standardized.path.dropFirst())
        guard
          FileManager.default.fileExists(atPath: Project.root.appending(path: path).path)
        else {
          Issue.record("\(file.path): a link to \(target), which is not there")
          continue
        }
        guard let heading = link.output.2 else { continue }
        let headings = try Project.file(path).lines.filter { $0.hasPrefix("#") }.map {
          $0.drop { $0 == "#" || $0 == " " }.lowercased().replacing(" ", with: "-")
        }
        #expect(headings.contains(String(heading)), "\(file.path): no heading #\(heading)")
      }
    }
  }

  @Test func everyPageIsInTheIndex() throws {
    let index = try Project.file("docs/README.md").text
    for page in try Project.files(in: "docs", endings: [".md"])
    where page.path != "docs/README.md" && !page.path.hasPrefix("docs/decisions/") {
      #expect(
        index.contains("(\(page.path.dropFirst("docs/".count)))"),
        "\(page.path): not in docs/README.md")
    }
  }

  /// Calls `body` for each line of everything that people write.
  private func forEachLine(_ body: (Project.File, Int, Substring) throws -> Void) throws {
    let folders = ["Sources", "Tests", "Tools", "docs"]
    var files = try folders.flatMap {
      try Project.files(in: $0, endings: [".swift", ".c", ".h", ".modulemap", ".py", ".sh", ".md"])
    }
    files += try ["Package.swift", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"]
      .map(Project.file)
    files += try ["Tools/bootstrap", "Tools/test", ".ci/run"].map(Project.file)
    for file in files {
      for (index, line) in file.lines.enumerated() { try body(file, index + 1, line) }
    }
  }

  private static func isComment(_ line: some StringProtocol) -> Bool {
    line.trimmingPrefix(while: \.isWhitespace).hasPrefix("//")
  }

  private static func imports(of file: Project.File) -> [(line: Int, module: String)] {
    let statement =
      /^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:public |package |internal |private )?import (?:(?:struct|class|enum|protocol|func|var|let|typealias) )?(\w+)/
    return file.lines.enumerated().compactMap { index, line in
      line.firstMatch(of: statement).map { (index + 1, String($0.output.1)) }
    }
  }
}
