/// Writes a coded dataset record by record, without knowing beforehand how many there will be.
///
/// The files grow in a folder beside the final one, with `.partial-` in its name; it gets its name
/// when everything is on the disk. A failure, ``abandon()`` and the end of the writer remove it;
/// only a killed process leaves it behind. One task at a time may use a writer.
///
/// That ids are unique is not checked here: ``CodedDataset/validate()`` does.
public final class CodedDatasetWriter {
  private enum State {
    case open, gone, finished
    case failed(CodedDatasetError)
  }

  /// The folder that is going to be made.
  public let path: String
  /// Records given so far.
  public private(set) var count = 0
  private let coder: CoderIdentity?
  private let createdBy: String
  private let partialPath: String
  private let features: NumpyWriter
  private let images: NumpyWriter
  private let ids: NumpyWriter
  private let names: OutputFile
  private let tags: OutputFile
  private var digest = RecordDigest()
  private var line: [UInt8] = []
  private var state = State.open

  /// Starts a dataset that will have the name `path`, where there must be nothing yet.
  ///
  /// - Parameters:
  ///   - coder: The networks that make the codes, if known.
  ///   - createdBy: The program that writes, with its version; for people. At most
  ///     ``DatasetManifest/createdByByteCountMax`` bytes.
  /// - Throws: ``CodedDatasetError/Code/exists`` if there is something at `path`; besides
  ///   ``CodedDatasetError/Code/notFound``, ``CodedDatasetError/Code/diskFull`` and
  ///   ``CodedDatasetError/Code/io``.
  public init(path: String, coder: CoderIdentity?, createdBy: String) throws(CodedDatasetError) {
    precondition(
      createdBy.utf8.count <= DatasetManifest.createdByByteCountMax,
      "\(createdBy.utf8.count) bytes of createdBy")
    let path = DatasetFiles.trimmed(path)
    guard try FileSystem.kind(of: path) == .absent else {
      throw CodedDatasetError(
        .exists, path: path, "there is something already",
        hint: "choose another name, or remove what is there")
    }
    self.path = path
    self.coder = coder
    self.createdBy = createdBy
    let folder = FileSystem.partialPath(for: path)
    partialPath = folder
    do {
      try FileSystem.createFolder(folder)
      func file(_ name: String) -> String { DatasetFiles.path(name, in: folder) }
      features = try NumpyWriter(
        path: file(DatasetFiles.features), elementType: .uint8, rowShape: [FeatureCode.byteCount])
      images = try NumpyWriter(
        path: file(DatasetFiles.images), elementType: .uint8, rowShape: [ImageCode.byteCount])
      ids = try NumpyWriter(path: file(DatasetFiles.ids), elementType: .uint64)
      names = try OutputFile(path: file(DatasetFiles.names))
      tags = try OutputFile(path: file(DatasetFiles.tags))
    } catch {
      FileSystem.removeFolder(folder)
      throw error.moved(from: folder, to: path)
    }
  }

  deinit {
    abandon()
  }

  /// Appends a record.
  ///
  /// - Throws: ``CodedDatasetError/Code/invalidName`` or ``CodedDatasetError/Code/invalidTags`` if
  ///   these are above their bounds: the record is not appended then, and the writer goes on.
  ///   ``CodedDatasetError/Code/diskFull`` or ``CodedDatasetError/Code/io``: the folder is gone
  ///   then, and every later call throws the same error.
  public func append(_ record: Record) throws(CodedDatasetError) {
    let tags = TagsJSON.encode(record.tags)
    try checkTags(byteCount: tags.count)
    let name = Array((record.name ?? "").utf8)
    let feature = record.feature
    let image = record.image
    try feature.withUnsafeBytes { feature throws(CodedDatasetError) in
      try image.withUnsafeBytes { image throws(CodedDatasetError) in
        try name.span.withUnsafeBytes { name throws(CodedDatasetError) in
          try tags.span.withUnsafeBytes { tags throws(CodedDatasetError) in
            try put(id: record.id, feature: feature, image: image, name: name, tags: tags)
          }
        }
      }
    }
  }

  /// Appends a record out of memory.
  ///
  /// - Parameters:
  ///   - feature: ``FeatureCode/byteCount`` readable bytes, at any alignment.
  ///   - image: ``ImageCode/byteCount`` readable bytes, at any alignment.
  ///   - name: UTF-8; `nil` and no bytes both mean that there is no name.
  ///   - tags: The tags in the canonical form of ``TagsJSON``; no bytes if there are none.
  /// - Throws: As ``append(_:)``; ``CodedDatasetError/Code/invalidTags`` also for tags that are not
  ///   in canonical form.
  public func append(
    id: ItemID, feature: UnsafeRawPointer, image: UnsafeRawPointer,
    name: UnsafeRawBufferPointer? = nil,
    tags: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
  ) throws(CodedDatasetError) {
    if !tags.isEmpty {
      try checkTags(byteCount: tags.count)
      let canonical = try? TagsJSON.canonical(tags)
      guard let canonical, canonical.elementsEqual(tags) else {
        throw CodedDatasetError(
          .invalidTags, path: path, "record \(count): tags that are not in canonical form")
      }
    }
    try put(
      id: id, feature: UnsafeRawBufferPointer(start: feature, count: FeatureCode.byteCount),
      image: UnsafeRawBufferPointer(start: image, count: ImageCode.byteCount),
      name: name ?? UnsafeRawBufferPointer(start: nil, count: 0), tags: tags)
  }

  /// Completes the dataset and gives the folder its name; durable on return.
  ///
  /// The writer must not be used afterwards.
  ///
  /// - Returns: What `dataset.json` says.
  public func finish() throws(CodedDatasetError) -> DatasetManifest {
    try requireOpen()
    let manifest = DatasetManifest(
      coder: coder, count: count, digest: digest, createdBy: createdBy)
    try orFail { () throws(CodedDatasetError) in
      for array in [features, images, ids] { try array.finish(syncingFolder: false) }
      for file in [names, tags] { try file.finish(syncingFolder: false) }
      let file = try OutputFile(path: DatasetFiles.path(DatasetFiles.manifest, in: partialPath))
      try file.append(manifest.encoded())
      try file.finish(syncingFolder: false)
      try FileSystem.syncFolder(partialPath)
      try FileSystem.rename(partialPath, to: path)
    }
    state = .finished
    try FileSystem.syncFolder(FileSystem.folder(of: path))
    return manifest
  }

  /// Removes what was written, unless the dataset is finished.
  public func abandon() {
    guard case .open = state else { return }
    state = .gone
    remove()
  }

  private func put(
    id: ItemID, feature: UnsafeRawBufferPointer, image: UnsafeRawBufferPointer,
    name: UnsafeRawBufferPointer, tags tagBytes: UnsafeRawBufferPointer
  ) throws(CodedDatasetError) {
    try requireOpen()
    guard let featureBase = feature.baseAddress, let imageBase = image.baseAddress else {
      preconditionFailure("codes have bytes")
    }
    do {
      try NameLine.check(name)
    } catch {
      throw CodedDatasetError(.invalidName, path: path, "record \(count): \(error.message)")
    }
    let hash = RecordDigest.of(
      id: id, feature: featureBase, image: imageBase, name: name, tags: tagBytes)
    try orFail { () throws(CodedDatasetError) in
      try features.append(rows: feature)
      try images.append(rows: image)
      let number = [id.rawValue.littleEndian] as InlineArray<1, UInt64>
      try number.span.withUnsafeBytes { bytes throws(CodedDatasetError) in
        try ids.append(rows: bytes)
      }
      line.removeAll(keepingCapacity: true)
      NameLine.append(name, to: &line)
      try names.append(line)
      line.removeAll(keepingCapacity: true)
      line += tagBytes
      line.append(0x0A)
      try tags.append(line)
    }
    digest.add(hash)
    count += 1
  }

  private func checkTags(byteCount: Int) throws(CodedDatasetError) {
    guard byteCount <= RecordLimits.tagsByteCountMax else {
      throw CodedDatasetError(
        .invalidTags, path: path,
        "record \(count): tags of \(byteCount) bytes are above the bound of "
          + "\(RecordLimits.tagsByteCountMax)")
    }
  }

  private func requireOpen() throws(CodedDatasetError) {
    switch state {
    case .open: break
    case .gone: preconditionFailure("the dataset '\(path)' was abandoned")
    case .finished: preconditionFailure("the dataset '\(path)' is finished")
    case .failed(let error): throw error
    }
  }

  /// Runs `body`; a failure ends the writer and leaves nothing behind.
  private func orFail(
    _ body: () throws(CodedDatasetError) -> Void
  ) throws(CodedDatasetError) {
    do {
      try body()
    } catch {
      let error = error.moved(from: partialPath, to: path)
      state = .failed(error)
      remove()
      throw error
    }
  }

  private func remove() {
    for array in [features, images, ids] { array.abandon() }
    for file in [names, tags] { file.abandon() }
    FileSystem.removeFolder(partialPath)
  }
}

extension CodedDatasetError {
  /// The error about the same file under the name that its folder was going to have: the one that
  /// whoever reads it knows.
  fileprivate func moved(from folder: String, to target: String) -> CodedDatasetError {
    guard path.hasPrefix(folder) else { return self }
    return CodedDatasetError(code, path: target + path.dropFirst(folder.count), message, hint: hint)
  }
}
