/// The names of the files of a coded dataset.
enum DatasetFiles {
  static let features = "features.npy"
  static let images = "images.npy"
  static let ids = "ids.npy"
  static let names = "names.txt"
  static let tags = "tags.jsonl"
  static let manifest = "dataset.json"

  /// The files beside the manifest, all of which a folder with a manifest has.
  static let content = [features, images, ids, names, tags]

  /// The path of a file in a folder.
  static func path(_ name: String, in folder: String) -> String {
    folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
  }

  /// A path without the slashes that a folder's may end with.
  static func trimmed(_ path: String) -> String {
    var path = path[...]
    while path.utf8.count > 1, path.hasSuffix("/") { path = path.dropLast() }
    return String(path)
  }
}
