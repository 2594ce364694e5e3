import CXXHash
import ThumbprintCodes

/// Ids made from names, so that a picture has the same one whenever and however it is loaded.
package enum PictureIDs {
  /// Ids are below 2⁵², which every reader of JSON keeps exactly.
  package static let bitCount = 52
  /// How often another id is made when one is taken: the chance that all are is below any doubt.
  package static let attemptCount = 8

  /// The id for a name; each attempt gives another.
  package static func id(_ name: String, attempt: Int) -> ItemID {
    var name = name
    let hash = name.withUTF8 { XXH3_64bits_withSeed($0.baseAddress, $0.count, UInt64(attempt)) }
    return ItemID(hash >> (64 - UInt64(bitCount)))
  }
}

/// The tags by which a later run tells whether a file of a picture was changed.
package enum PictureTags {
  package static let byteCount = "file_bytes"
  package static let modified = "file_modified_ms"

  /// - Parameter modified: When the file was written, in milliseconds since 1970; `nil` if unknown.
  package static func tags(byteCount: some BinaryInteger, modified: Int64?) -> [String: String] {
    var tags = [Self.byteCount: "\(byteCount)"]
    tags[Self.modified] = modified.map { "\($0)" }
    return tags
  }
}
