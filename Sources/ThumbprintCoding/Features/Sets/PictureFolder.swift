import Foundation

/// The pictures below a folder.
public enum PictureFolder {
  private static let endings: Set<String> = ["jpg", "jpeg", "png"]

  /// The paths of all files below `path`, at any depth, whose names end as PNG or JPEG files do,
  /// sorted by their bytes; hidden files and folders left out. A file is itself.
  ///
  /// - Throws: ``CodingError/Code/noPictures`` naming the path, if there are none.
  public static func paths(in path: String) throws(CodingError) -> [String] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw CodingError(.noPictures, "there is no such file or folder", path: path)
    }
    guard isFolder.boolValue else { return [path] }
    guard let enumerator = FileManager.default.enumerator(atPath: path) else {
      throw CodingError(.noPictures, "the folder cannot be listed", path: path)
    }
    var names: [String] = []
    for case let name as String in enumerator {
      let parts = name.split(separator: "/")
      guard parts.allSatisfy({ !$0.hasPrefix(".") }), let last = parts.last,
        let dot = last.lastIndex(of: "."),
        endings.contains(last[last.index(after: dot)...].lowercased())
      else { continue }
      names.append(name)
    }
    guard !names.isEmpty else {
      throw CodingError(.noPictures, "there is no PNG or JPEG file below it", path: path)
    }
    let base = path.hasSuffix("/") ? path : path + "/"
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { base + $0 }
  }
}

/// Which pictures, or groups of them, of a sorted list to use, so that some stay for testing.
public enum SetPart: String, Sendable, Codable, CaseIterable {
  case all
  /// Those with the numbers 0, 2, 4 …
  case even
  /// Those with the numbers 1, 3, 5 …
  case odd

  public func contains(_ number: Int) -> Bool {
    switch self {
    case .all: true
    case .even: number % 2 == 0
    case .odd: number % 2 == 1
    }
  }

  /// The elements of a list that belong to the part.
  public func selected<Element>(_ elements: [Element]) -> [Element] {
    elements.enumerated().filter { contains($0.offset) }.map(\.element)
  }
}
