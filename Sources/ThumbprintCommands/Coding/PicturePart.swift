import ArgumentParser
import Foundation
import ThumbprintCoding

/// A folder of pictures or a file, or every other picture of a folder: `photos`, `photos@even`,
/// `photos@odd`.
struct PicturePart: ExpressibleByArgument, Sendable {
  let folder: String
  let part: SetPart

  init?(argument: String) {
    if let at = argument.lastIndex(of: "@"), !FileManager.default.fileExists(atPath: argument),
      let part = SetPart(rawValue: String(argument[argument.index(after: at)...]))
    {
      (folder, self.part) = (String(argument[..<at]), part)
    } else {
      (folder, part) = (argument, .all)
    }
  }

  /// As the user wrote it.
  var text: String { part == .all ? folder : "\(folder)@\(part.rawValue)" }

  /// The paths of the pictures, sorted; numbers are counted in this folder alone.
  var paths: [String] {
    get throws { part.selected(try PictureFolder.paths(in: folder)) }
  }
}

extension [PicturePart] {
  /// The paths of all pictures, part by part.
  var paths: [String] { get throws { try flatMap { try $0.paths } } }
}
