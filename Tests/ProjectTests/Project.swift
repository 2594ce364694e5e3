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

  static func file(_ path: String) throws -> File {
    File(
      path: path,
      text: try String(contentsOf: root.appending(path: path), encoding: .utf8))
  }
}
