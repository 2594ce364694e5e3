/// The pictures below a folder.
public enum PictureFolder {
  /// The paths of all files below `path`, at any depth, whose names end as PNG or JPEG files do,
  /// sorted by their bytes; hidden files and folders left out. A file is itself.
  ///
  /// - Throws: ``CodingError/Code/noPictures`` naming the path, if there are none.
  public static func paths(in path: String) throws(CodingError) -> [String] {
    let listing = try PictureListing(of: path)
    guard !listing.names.isEmpty else {
      throw CodingError(.noPictures, "there is no PNG or JPEG file below it", path: path)
    }
    return listing.paths
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
