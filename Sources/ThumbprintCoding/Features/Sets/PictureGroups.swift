import ThumbprintImages

/// Files that show the same things: the groups of a set such as UKBench.
public struct PictureGroups: Sendable {
  /// The paths, group after group.
  public let paths: [String]
  /// The group of each path, from 0.
  public let groups: [Int]
  /// Groups in all.
  public let count: Int

  /// Pictures that UKBench has in every group.
  public static let ukbenchSize = 4

  /// Reads how a folder is laid out: either every group in a folder of its own, or files named as
  /// UKBench names them (`ukbench00000.jpg` and on; also without the word), of which every four
  /// in a row are a group.
  ///
  /// - Throws: ``CodingError/Code/noPictures`` or ``CodingError/Code/invalidSet``, naming the path.
  public init(folder: String) throws(CodingError) {
    let paths = try PictureFolder.paths(in: folder)
    let base = folder.hasSuffix("/") ? folder : folder + "/"
    let names = paths.map { $0.dropFirst(base.count) }
    let folders = names.map { name in
      name.lastIndex(of: "/").map { String(name[..<$0]) } ?? ""
    }
    if folders.allSatisfy({ $0.isEmpty }) {
      try self.init(ukbench: paths, names: names.map(String.init), folder: folder)
      return
    }
    if let stray = folders.firstIndex(of: "") {
      throw CodingError(
        .invalidSet, "is in no group: it lies beside the folders of the groups",
        path: paths[stray])
    }
    var groups: [Int] = []
    var last: String?
    for name in folders {
      groups.append(name == last ? groups[groups.count - 1] : (groups.last ?? -1) + 1)
      last = name
    }
    self.init(paths: paths, groups: groups)
  }

  private init(paths: [String], groups: [Int]) {
    self.paths = paths
    self.groups = groups
    count = (groups.last ?? -1) + 1
  }

  private init(ukbench paths: [String], names: [String], folder: String) throws(CodingError) {
    var numbered: [(number: Int, path: String)] = []
    for (name, path) in zip(names, paths) {
      guard let match = name.wholeMatch(of: /(?:ukbench)?([0-9]{1,9})\.[A-Za-z]+/),
        let number = Int(match.output.1)
      else {
        throw CodingError(
          .invalidSet,
          "has no name of UKBench's kind, such as ukbench00000.jpg, and lies in no "
            + "folder of a group", path: path)
      }
      numbered.append((number, path))
    }
    numbered.sort { $0.number < $1.number }
    for (place, entry) in numbered.enumerated() where entry.number != place {
      throw CodingError(
        .invalidSet, "the picture with the number \(place) is missing, or there twice",
        path: folder)
    }
    guard numbered.count % Self.ukbenchSize == 0 else {
      throw CodingError(
        .invalidSet, "\(numbered.count) pictures do not make groups of \(Self.ukbenchSize)",
        path: folder)
    }
    self.init(
      paths: numbered.map(\.path), groups: numbered.indices.map { $0 / Self.ukbenchSize })
  }

  /// The numbers of the pictures whose groups belong to a part.
  public func indices(of part: SetPart) -> [Int] {
    groups.indices.filter { part.contains(groups[$0]) }
  }
}
