import Foundation

/// Pictures with labels: a folder in which every class has a folder of its own.
public struct PictureClasses: Sendable {
  /// The names of the classes, sorted by their bytes; a label is a number of this list.
  public let names: [String]
  /// The paths, class after class.
  public let paths: [String]
  /// The class of each path.
  public let labels: [Int]

  /// Classes that a set may have.
  public static let countMax = 65_536

  /// Reads how a folder is laid out: `CLASS/…/PICTURE`, at any depth.
  ///
  /// - Parameter known: The classes of another set, which this one may have in part, so that a label
  ///   means the same in both; `nil` to take them as they are here.
  /// - Throws: ``CodingError/Code/invalidSet`` naming the path, if a picture lies in no class, a
  ///   class has no picture or a foreign name, or there are fewer than two or more than
  ///   ``countMax`` classes; ``CodingError/Code/noPictures`` if there is none at all.
  public init(folder: String, names known: [String]? = nil) throws(CodingError) {
    let base = folder.hasSuffix("/") ? folder : folder + "/"
    let paths = try PictureFolder.paths(in: folder)
    guard paths != [folder] else {
      throw CodingError(.invalidSet, "is a file, not a folder of classes", path: folder)
    }
    let found = try paths.map { (path) throws(CodingError) in
      let parts = path.dropFirst(base.count).split(separator: "/")
      guard parts.count > 1 else {
        throw CodingError(
          .invalidSet, "is of no class: it lies beside the folders of the classes", path: path)
      }
      return String(parts[0])
    }
    try Self.refuseEmptyClasses(folder, base, Set(found))
    let names = known ?? Set(found).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    guard (2...Self.countMax).contains(names.count) else {
      throw CodingError(
        .invalidSet,
        "has \(names.count == 1 ? "one class" : "\(names.count) classes"), where 2 to "
          + "\(Self.countMax) can be told apart", path: folder)
    }
    let numbers = Dictionary(
      names.enumerated().map { ($0.element, $0.offset) }, uniquingKeysWith: { first, _ in first })
    self.names = names
    self.paths = paths
    labels = try found.map { (name) throws(CodingError) in
      guard let number = numbers[name] else {
        throw CodingError(
          .invalidSet, "is a class that the pictures to train on do not have", path: base + name)
      }
      return number
    }
  }

  private static func refuseEmptyClasses(
    _ folder: String, _ base: String, _ found: Set<String>
  ) throws(CodingError) {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    for name in all.sorted() where !name.hasPrefix(".") && !found.contains(name) {
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: base + name, isDirectory: &isFolder),
        isFolder.boolValue
      {
        throw CodingError(
          .invalidSet, "is a class without a PNG or JPEG file", path: base + name)
      }
    }
  }
}
