/// Coded pictures in arrays that any tool can open, read in place through memory maps.
///
/// One of
/// - a folder that ``CodedDatasetWriter`` made, with `dataset.json` and five other files;
/// - a folder with `features.npy` and whichever of `images.npy`, `ids.npy`, `names.txt` and
///   `tags.jsonl` there are;
/// - an `.npy` file of feature codes;
/// - a `.bvecs` file of vectors of 512 bytes.
///
/// What is missing has a default: ids are row numbers from 0, image codes are zero, and there are
/// no names, tags or coder. `docs/formats/dataset.md` is normative.
///
/// Opening checks types, shapes and sizes and reads no codes. Names, tags, the uniqueness of ids
/// and the digest are looked at when they are asked for, or all together by ``validate()`` and
/// ``verifyDigest(progress:)``. The files must not change while a dataset is open. Any number of
/// tasks may read at once.
public final class CodedDataset: Sendable {
  /// The folder or file that was opened.
  public let path: String
  /// The number of records.
  public let count: Int
  /// What `dataset.json` says; `nil` if there is none.
  public let manifest: DatasetManifest?
  /// Points into the maps of the files below, which live as long as this object.
  let columns: Columns
  let names: LineFile?
  let tags: LineFile?
  private let featureFile: FeatureFile
  private let imageArray: NumpyArray?
  private let idArray: NumpyArray?
  /// Stands for every image code where there is no array of them.
  let zeroImage = ZeroImage()

  private enum FeatureFile {
    case array(NumpyArray)
    case vectors(MappedFile)
  }

  /// Opens a folder, an `.npy` file or a `.bvecs` file.
  ///
  /// - Parameter access: How the codes will be read; advice to the system.
  /// - Throws: ``CodedDatasetError``.
  /// - Complexity: Reads headers; besides, all ids if they are signed, and the dimension of every
  ///   vector of a `.bvecs` file.
  public init(path: String, access: FileAccess = .normal) throws(CodedDatasetError) {
    self.path = path
    switch try FileSystem.kind(of: path) {
    case .absent:
      throw CodedDatasetError(.notFound, path: path, "there is no such file or folder")
    case .other:
      throw CodedDatasetError(
        .notAFile, path: path, "expected a file or a folder, found a device, pipe or socket")
    case .file where path.hasSuffix(".bvecs"):
      let file = try MappedFile(path: path, access: access)
      let features = try VectorFile.codes(in: file)
      columns = Columns(features: features, images: nil, ids: nil)
      featureFile = .vectors(file)
      (manifest, imageArray, idArray, names, tags) = (nil, nil, nil, nil, nil)
    case .file:
      let array = try Self.codes(path, FeatureCode.byteCount, access: access)
      columns = Columns(features: array.withUnsafeRows { $0 }, images: nil, ids: nil)
      featureFile = .array(array)
      (manifest, imageArray, idArray, names, tags) = (nil, nil, nil, nil, nil)
    case .folder:
      let folder = try DatasetFolder(path: path)
      let array = try Self.codes(folder.features, FeatureCode.byteCount, access: access)
      let count = array.rowCount
      featureFile = .array(array)
      manifest = try folder.manifest(count: count)
      imageArray = try folder.images(count: count, access: access)
      idArray = try folder.ids(count: count, access: access)
      names = try folder.lines(DatasetFiles.names, count: count, access: access)
      tags = try folder.lines(DatasetFiles.tags, count: count, access: access)
      columns = Columns(
        features: array.withUnsafeRows { $0 }, images: imageArray?.withUnsafeRows { $0 },
        ids: idArray?.withUnsafeRows { $0 })
    }
    count = columns.features.count
  }

  /// The networks that made the codes, if the dataset says so.
  public var coder: CoderIdentity? { manifest?.coder }
  /// Whether there is a file of names; all of them may be empty.
  public var hasNames: Bool { names != nil }
  /// Whether there is a file of tags; all of them may be empty.
  public var hasTags: Bool { tags != nil }

  /// The id of a row, `0..<count`.
  public func id(at row: Int) -> ItemID {
    precondition(row >= 0 && row < count, "no row \(row) among \(count)")
    guard let ids = columns.ids else { return ItemID(UInt64(row)) }
    return ItemID(UInt64(littleEndian: ids[row].loadUnaligned(as: UInt64.self)))
  }

  /// The feature code of a row, `0..<count`.
  public func feature(at row: Int) -> FeatureCode {
    FeatureCode(copying: columns.features.bytes(of: row))
  }

  /// The image code of a row, `0..<count`.
  public func image(at row: Int) -> ImageCode {
    precondition(row >= 0 && row < count, "no row \(row) among \(count)")
    guard let images = columns.images else { return ImageCode() }
    return ImageCode(copying: images.bytes(of: row))
  }

  /// The name of a row, `0..<count`; `nil` if it has none.
  ///
  /// - Throws: ``CodedDatasetError`` if the file of names is damaged, or this name is.
  /// - Complexity: Walks over at most 255 other lines; the first call over the whole file.
  public func name(at row: Int) throws(CodedDatasetError) -> String? {
    precondition(row >= 0 && row < count, "no row \(row) among \(count)")
    guard let names else { return nil }
    let scratch = UnsafeMutableRawBufferPointer.allocate(
      byteCount: NameLine.byteCountMax, alignment: 8)
    defer { scratch.deallocate() }
    let (name, _) = try readName(
      in: names, at: try names.start(ofLine: row), row: row, scratch: scratch)
    return name.map { String(decoding: $0, as: UTF8.self) }
  }

  /// The tags of a row, `0..<count`; empty if it has none.
  ///
  /// - Throws: ``CodedDatasetError`` if the file of tags is damaged, or these tags are.
  /// - Complexity: Walks over at most 255 other lines; the first call over the whole file.
  public func tags(at row: Int) throws(CodedDatasetError) -> [String: String] {
    precondition(row >= 0 && row < count, "no row \(row) among \(count)")
    guard let tags else { return [:] }
    return try readTags(in: tags, at: try tags.start(ofLine: row), row: row).tags
  }

  /// All of a row, `0..<count`.
  ///
  /// - Throws: As ``name(at:)`` and ``tags(at:)``.
  public func record(at row: Int) throws(CodedDatasetError) -> Record {
    Record(
      id: id(at: row), name: try name(at: row), tags: try tags(at: row),
      feature: feature(at: row), image: image(at: row))
  }

  /// Calls `body` with the codes and ids of all rows.
  ///
  /// The memory is there until `body` returns; longer only for who keeps this object.
  public func withUnsafeColumns<R, E: Error>(_ body: (Columns) throws(E) -> R) throws(E) -> R {
    defer { extendLifetime(self) }
    return try body(columns)
  }

  /// Calls `body` with one row after another, in ascending order, without copying what need not be
  /// copied.
  ///
  /// - Parameter rows: Within `0..<count`.
  /// - Throws: ``CodedDatasetError/Code/invalidName`` or ``CodedDatasetError/Code/invalidTags``,
  ///   naming the line, if those of the next row are damaged; what `body` throws.
  /// - Complexity: O(1) memory.
  public func forEachRow(in rows: Range<Int>, _ body: (Row) throws -> Void) throws {
    let cursor = try CodedDatasetCursor(self, rows: rows)
    defer { extendLifetime(cursor) }
    while let row = try cursor.next() { try body(row) }
  }

  /// Lets go of the memory that the codes of some rows take in this process, until they are read
  /// again; the system's cache keeps them. A long pass stays in bounded memory by this.
  public func releaseMemory(of rows: Range<Int>) {
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= count, "no rows \(rows) among \(count)")
    switch featureFile {
    case .array(let array): array.release(rows: rows)
    case .vectors(let file):
      let stride = columns.features.strideByteCount
      file.release(rows.lowerBound * stride..<rows.upperBound * stride)
    }
    imageArray?.release(rows: rows)
    idArray?.release(rows: rows)
  }
}

extension CodedDataset {
  /// The codes and ids of all rows in memory.
  public struct Columns: Sendable {
    /// The feature codes: rows of ``FeatureCode/byteCount`` bytes.
    public let features: ByteRows
    /// The image codes: rows of ``ImageCode/byteCount`` bytes; `nil` if all are zero.
    public let images: ByteRows?
    /// The ids: rows of 8 bytes, little-endian; `nil` if they are the row numbers.
    public let ids: ByteRows?
  }

  /// The name on the line that starts at `offset`, and where the next line starts.
  func readName(
    in file: LineFile, at offset: Int, row: Int, scratch: UnsafeMutableRawBufferPointer
  ) throws(CodedDatasetError) -> (name: UnsafeRawBufferPointer?, next: Int) {
    let (line, next) = file.line(at: offset)
    if line.isEmpty { return (nil, next) }
    do {
      return (try NameLine.name(line, scratch: scratch), next)
    } catch {
      throw CodedDatasetError(.invalidName, path: file.path, "line \(row + 1): \(error.message)")
    }
  }

  /// The tags on the line that starts at `offset`, and where the next line starts.
  func readTags(
    in file: LineFile, at offset: Int, row: Int
  ) throws(CodedDatasetError) -> (tags: [String: String], canonical: [UInt8], next: Int) {
    let (line, next) = file.line(at: offset)
    if line.isEmpty { return ([:], [], next) }
    do {
      let tags = try TagsJSON.decode(line)
      return (tags, try TagsJSON.canonical(tags), next)
    } catch {
      throw CodedDatasetError(.invalidTags, path: file.path, "line \(row + 1): \(error)")
    }
  }

  /// An array of `n × byteCount` bytes.
  static func codes(
    _ path: String, _ byteCount: Int, access: FileAccess
  ) throws(CodedDatasetError) -> NumpyArray {
    let array = try NumpyArray(path: path, access: access)
    do {
      try array.require([.uint8], shape: [nil, byteCount])
    } catch {
      guard array.shape.count == 2, array.shape[1] == 8 * byteCount else { throw error }
      throw CodedDatasetError(
        .shapeMismatch, path: path,
        "expected shape (n, \(byteCount)) of uint8, found a row of \(8 * byteCount) elements",
        hint: "if each element is one bit, save numpy.packbits(a, axis=1)")
    }
    return array
  }

  /// The image code of which all bits are zero, at a fixed place.
  // Sendable: the bytes are never written after they are made.
  final class ZeroImage: @unchecked Sendable {
    let bytes: UnsafeRawPointer

    init() {
      let bytes = UnsafeMutableRawPointer.allocate(byteCount: ImageCode.byteCount, alignment: 8)
      bytes.initializeMemory(as: UInt8.self, repeating: 0, count: ImageCode.byteCount)
      self.bytes = UnsafeRawPointer(bytes)
    }

    deinit {
      bytes.deallocate()
    }
  }
}
