import Foundation

/// The files of the project as the tests of this target read them.
enum Project {
  /// The folder that holds Package.swift.
  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  struct File {
    /// From the root, with slashes.
    var path: String
    var text: String

    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

    /// What stands between characters that names do not have.
    var words: Set<String> {
      let parts = text.utf8.split { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
          false
        default: true
        }
      }
      return Set(parts.map { String($0) ?? "" })
    }
  }

  /// Every file below a folder of the root whose name ends in one of `endings`, in path order.
  /// Folders whose name begins with a dot hold what tools made and are left out.
  static func files(in folder: String = "", endings: [String]) throws -> [File] {
    let start = folder.isEmpty ? root : root.appending(path: folder)
    var found: [File] = []
    for entry in try FileManager.default.contentsOfDirectory(
      at: start, includingPropertiesForKeys: [.isDirectoryKey])
    {
      let name = entry.lastPathComponent
      let path = folder.isEmpty ? name : folder + "/" + name
      if try entry.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true {
        guard !name.hasPrefix("."), name != "__pycache__" else { continue }
        found += try files(in: path, endings: endings)
      } else if endings.contains(where: name.hasSuffix) {
        found.append(File(path: path, text: try String(contentsOf: entry, encoding: .utf8)))
      }
    }
    return found.sorted { $0.path < $1.path }
  }

  /// Every file below a folder of the root that is text, but for documents.
  static func texts(in folder: String) throws -> [File] {
    let paths = FileManager.default.enumerator(atPath: root.appending(path: folder).path)
    return (paths?.compactMap { $0 as? String } ?? []).sorted().compactMap { name in
      let path = folder + "/" + name
      let parts = path.split(separator: "/")
      guard !parts.dropFirst().contains(where: { $0.hasPrefix(".") || $0 == "__pycache__" }),
        !path.hasSuffix(".md"), !path.hasSuffix(".safetensors"), !path.hasSuffix(".mdb"),
        let text = try? String(contentsOf: root.appending(path: path), encoding: .utf8)
      else { return nil }
      return File(path: path, text: text)
    }
  }

  /// What people start: files of text that say what runs them.
  static func scripts() throws -> [File] {
    try ["Tools", "Cluster", ".ci"].flatMap(texts).filter { $0.text.hasPrefix("#!") }
  }

  static func file(_ path: String) throws -> File {
    File(
      path: path,
      text: try String(contentsOf: root.appending(path: path), encoding: .utf8))
  }
}
