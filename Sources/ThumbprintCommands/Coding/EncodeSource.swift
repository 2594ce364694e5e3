import CXXHash
import Foundation
import ThumbprintCoding

/// The files to encode, in order, with their names in the dataset.
struct EncodeSource {
  private(set) var paths: [String] = []
  private(set) var names: [String] = []

  /// - Parameter arguments: Files and folders. The name of a file in a folder is its path below it;
  ///   with several arguments, behind the last part of the folder's.
  init(_ arguments: [String]) throws {
    for argument in arguments {
      let found = try PictureFolder.paths(in: argument)
      let isFile = found == [argument]
      let base = argument.hasSuffix("/") ? argument : argument + "/"
      let last = URL(filePath: argument).lastPathComponent
      for path in found {
        paths.append(path)
        if isFile {
          names.append(arguments.count == 1 ? last : argument)
        } else {
          let name = String(path.dropFirst(base.count))
          names.append(arguments.count == 1 ? name : "\(last)/\(name)")
        }
      }
    }
  }

  /// A hash over paths, sizes and times of change: equal if nothing changed.
  func fingerprint() -> String {
    var text = ""
    for path in paths {
      let facts = try? FileManager.default.attributesOfItem(atPath: path)
      let time = (facts?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
      text += "\(path)\0\(facts?[.size] as? UInt64 ?? 0)\0\(time)\0"
    }
    let hash = text.withUTF8 { XXH3_64bits($0.baseAddress, $0.count) }
    return String(hash, radix: 16)
  }
}
