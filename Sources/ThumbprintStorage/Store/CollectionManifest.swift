import Foundation
import ThumbprintCodes
import ThumbprintIndex

/// The file `collection.json` in the folder of a collection: what all its shards share.
/// The coder identity is in the shards, since the first load may set it.
struct CollectionManifest: Codable, Sendable, Hashable {
  static let fileName = "collection.json"
  static let versionValue = 1
  static let byteCountMax = 65_536

  var version: Int
  var name: String
  /// 32 hexadecimal digits, the same in the meta value of every shard.
  var id: String
  var shardCount: Int
  var tableCount: Int
  /// Seconds since 1970.
  var created: UInt64

  static func shardFileName(_ number: Int) -> String {
    let digits = String(number)
    return "shard-" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits + ".mdb"
  }

  func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return Array(try encoder.encode(self)) + [0x0A]
  }

  static func read(folder: String, name: String) throws -> CollectionManifest {
    let path = folder + "/" + fileName
    let bytes = try DurableFiles.read(path, byteCountMax: byteCountMax)
    let manifest: CollectionManifest
    do {
      manifest = try JSONDecoder().decode(CollectionManifest.self, from: Data(bytes))
    } catch {
      throw StoreError.corrupt(
        path: path, "the file", expected: "the JSON of a collection", found: "other text")
    }
    guard manifest.version == versionValue else {
      throw StoreError(
        .unsupportedVersion,
        "has version \(manifest.version); this program reads version \(versionValue)", path: path)
    }
    guard manifest.name == name, StoreLimits.shardCounts.contains(manifest.shardCount),
      IndexProfile.tableCounts.contains(manifest.tableCount), manifest.idHalves != nil
    else {
      throw StoreError.corrupt(
        path: path, "the file", expected: "the settings of collection '\(name)'",
        found: "others")
    }
    return manifest
  }

  var idHalves: (high: UInt64, low: UInt64)? {
    guard id.utf8.count == 32, let high = UInt64(id.prefix(16), radix: 16),
      let low = UInt64(id.suffix(16), radix: 16)
    else { return nil }
    return (high, low)
  }
}

/// The bounds of a store.
public enum StoreLimits {
  /// The shards that a collection may have.
  public static let shardCounts = 1...1024
  /// The most characters of the name of a collection.
  public static let nameCharacterCountMax = 64

  /// - Throws: ``StoreError/Code/invalid`` unless `name` is 1 to 64 of the characters `A-Z`,
  ///   `a-z`, `0-9`, `.`, `_` and `-`, the first a letter or a digit: it names a folder.
  package static func check(collectionName name: String) throws {
    func isPlain(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: false
      }
    }
    guard (1...nameCharacterCountMax).contains(name.utf8.count), let first = name.utf8.first,
      isPlain(first),
      name.utf8.allSatisfy({
        isPlain($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_")
          || $0 == UInt8(ascii: "-")
      })
    else {
      throw StoreError(
        .invalid,
        "'\(name)' is no name of a collection: 1 to \(nameCharacterCountMax) of A-Z a-z 0-9 . _ -,"
          + " the first a letter or a digit")
    }
  }
}
