/// A folder with the files of a dataset, opened one after another.
struct DatasetFolder {
  let path: String
  let hasManifest: Bool

  init(path: String) throws(CodedDatasetError) {
    self.path = path
    let manifest = DatasetFiles.path(DatasetFiles.manifest, in: path)
    hasManifest = try FileSystem.kind(of: manifest) != .absent
    for name in DatasetFiles.content where hasManifest || name == DatasetFiles.features {
      guard try FileSystem.kind(of: DatasetFiles.path(name, in: path)) == .absent else {
        continue
      }
      if hasManifest {
        throw CodedDatasetError(
          .incomplete, path: path, "there is \(DatasetFiles.manifest) but no \(name)",
          hint: "\(DatasetFiles.manifest) promises all files; without it they have defaults")
      }
      throw CodedDatasetError(
        .notFound, path: path, "expected a coded dataset, found a folder without \(name)")
    }
  }

  var features: String { DatasetFiles.path(DatasetFiles.features, in: path) }

  func manifest(count: Int) throws(CodedDatasetError) -> DatasetManifest? {
    guard hasManifest else { return nil }
    let manifest = try DatasetManifest(path: DatasetFiles.path(DatasetFiles.manifest, in: path))
    guard manifest.count == count else {
      throw CodedDatasetError(
        .countMismatch, path: path,
        "\(DatasetFiles.manifest) says \(manifest.count) records, "
          + "\(DatasetFiles.features) has \(count)")
    }
    return manifest
  }

  func images(count: Int, access: FileAccess) throws(CodedDatasetError) -> NumpyArray? {
    guard let path = try presentPath(DatasetFiles.images) else { return nil }
    let images = try CodedDataset.codes(path, ImageCode.byteCount, access: access)
    try check(images, count: count)
    return images
  }

  func ids(count: Int, access: FileAccess) throws(CodedDatasetError) -> NumpyArray? {
    guard let path = try presentPath(DatasetFiles.ids) else { return nil }
    let ids = try NumpyArray(
      path: path, access: access, expecting: [.uint64, .int64], shape: [nil])
    try check(ids, count: count)
    if ids.elementType == .int64 {
      try ids.withUnsafeRows { rows throws(CodedDatasetError) in
        for row in 0..<rows.count {
          let id = Int64(littleEndian: rows[row].loadUnaligned(as: Int64.self))
          guard id >= 0 else {
            throw CodedDatasetError(
              .negativeID, path: path, "expected ids from 0 on, found \(id) in row \(row)")
          }
        }
      }
    }
    return ids
  }

  func lines(
    _ name: String, count: Int, access: FileAccess
  ) throws(CodedDatasetError) -> LineFile? {
    guard let path = try presentPath(name) else { return nil }
    return try LineFile(path: path, lineCount: count, access: access)
  }

  private func presentPath(_ name: String) throws(CodedDatasetError) -> String? {
    let path = DatasetFiles.path(name, in: path)
    return try FileSystem.kind(of: path) == .absent ? nil : path
  }

  private func check(_ array: NumpyArray, count: Int) throws(CodedDatasetError) {
    guard array.rowCount == count else {
      throw CodedDatasetError(
        .countMismatch, path: array.path,
        "expected \(count) rows as in \(DatasetFiles.features), found \(array.rowCount)")
    }
  }
}
