import ArgumentParser
import ThumbprintCoding
import ThumbprintImages
import ThumbprintNets

/// Which photographs of the folders given.
struct PhotographOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "Folders of PNG and JPEG files, searched at any depth.", valueName: "folder"),
    completion: .directory)
  var folders: [String]

  @Option(
    help: ArgumentHelp(
      "Use all photographs, or every other one of the sorted list: all, even or odd.",
      valueName: "part"),
    completion: .list(SetPart.allCases.map(\.rawValue)))
  var part = SetPart.all.rawValue

  mutating func validate() throws {
    guard SetPart(rawValue: part) != nil else {
      throw ValidationError("--part: '\(part)' is not all, even or odd")
    }
  }

  /// The paths, folder by folder.
  var paths: [String] {
    get throws {
      let all = try folders.flatMap { try PictureFolder.paths(in: $0) }
      return (SetPart(rawValue: part) ?? .all).selected(all)
    }
  }

  /// Reads photographs, shrunk to the size that views are cut from.
  static func read(_ paths: [String], threadCount: Int) throws -> [Picture] {
    try PictureLoader.read(paths, threadCount: threadCount) { path in
      let picture = try PictureReader.read(path: path, sideMin: ViewGenerator.photographSide)
      // Smaller ones stay as they are, and are widened when they are needed.
      return min(picture.width, picture.height) > ViewGenerator.photographSide
        ? ViewGenerator.scaled(picture) : picture
    }
  }
}
