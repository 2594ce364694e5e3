import ArgumentParser
import Foundation
import ThumbprintCoding
import ThumbprintImages

/// A file that pictures are written into: one picture of them all, or a page for browsers.
struct SheetFile {
  private enum Kind: String {
    case picture = ".png"
    case page = ".html"
  }

  let path: String
  private let kind: Kind

  /// - Throws: For a name that does not tell what to write.
  init(flag path: String) throws {
    self.path = path
    if path.hasSuffix(Kind.picture.rawValue) {
      kind = .picture
    } else if path.hasSuffix(Kind.page.rawValue) {
      kind = .page
    } else {
      throw ValidationError("--sheet: '\(path)' ends with neither .png nor .html")
    }
  }

  /// Refuses a file that could not be written, before there is any work to lose.
  func requireFolder() throws {
    let folder = (path as NSString).deletingLastPathComponent
    let parent = folder.isEmpty ? "." : folder
    var isFolder: ObjCBool = false
    func isThere(_ path: String) -> Bool {
      FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    }
    let problem: String
    if isThere(path), isFolder.boolValue {
      problem = "is a folder"
    } else if !isThere(parent) || !isFolder.boolValue {
      problem = "cannot be written: there is no folder '\(parent)'"
    } else if access(parent, W_OK | X_OK) != 0 {
      problem = "cannot be written: nothing can be made in the folder '\(parent)'"
    } else {
      return
    }
    throw CommandError(.inputOutput, "--sheet: '\(path)' \(problem)")
  }

  /// How many pictures of sections with so many there is room for, from the first on. A page has room
  /// for all.
  func pictureCount(of counts: [Int], in sheet: ContactSheet) -> Int {
    let all = counts.reduce(0, +)
    guard kind == .picture else { return all }
    var rowCount = sheet.rowCountMax(pictureHeight: Thumbnails.side)
    var result = 0
    for count in counts {
      result += min(count, rowCount * sheet.columnCount)
      rowCount -= min(rowCount, (count + sheet.columnCount - 1) / sheet.columnCount)
    }
    return result
  }

  /// What there is to say where not all pictures are written; `nil` if they are.
  func note(written count: Int, of all: Int) -> String? {
    if all == 0 { return "'\(path)' was not written: there are no pictures to show" }
    if count == all { return nil }
    let words = "has the first \(Text.grouped(count)) of \(Text.count(all, "picture"))"
    return "'\(path)' \(words): a PNG file has no room for the other \(Text.grouped(all - count)), "
      + "one that ends with .html has"
  }

  func write(_ pictures: PictureSheet, in sheet: ContactSheet) throws {
    try CommandError.naming("--sheet") {
      switch kind {
      case .picture: try pictures.picture(in: sheet).writePNG(to: path)
      case .page:
        let text = try pictures.html()
        do {
          try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
        } catch {
          throw CommandError(.inputOutput, "'\(path)': cannot write", cause: "\(error)")
        }
      }
    }
  }
}
