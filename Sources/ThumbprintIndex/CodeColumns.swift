import ThumbprintCodes

/// A run of rows stored as columns in memory that someone else owns.
///
/// Feature codes are kept with their bits permuted (see ``BitPermutation``) and cut into three
/// columns, so that a search reads 32 bytes of a code before it asks for the rest:
///
/// | column | bytes a row | what |
/// |---|---|---|
/// | `sketches` | 32 | permuted bits 0..<256 |
/// | `seconds` | 32 | permuted bits 256..<512 |
/// | `rests` | 448 | permuted bits 512..<4096 |
/// | `images` | 64 | the image code, bits as they came |
/// | `ids` | 8 | `ItemID`, little-endian, any alignment |
///
/// A value is a view: whoever makes it promises that the memory stays in place and unchanged
/// for as long as the value, or an index made from it, is used.
///
/// `@unchecked Sendable` is safe because the memory is only ever read.
public struct CodeColumns: @unchecked Sendable {
  public static let sketchByteCount = 32
  public static let secondByteCount = 32
  public static let restByteCount = 448
  /// Bytes of all columns of one row: 584.
  public static let rowByteCount =
    sketchByteCount + secondByteCount + restByteCount + ImageCode.byteCount + 8

  public var rowCount: Int
  public var sketches: UnsafeRawPointer
  public var seconds: UnsafeRawPointer
  public var rests: UnsafeRawPointer
  public var images: UnsafeRawPointer
  public var ids: UnsafeRawPointer
  /// Bit `r % 8` (1 is the lowest) of byte `r / 8` is set when row `r` is deleted;
  /// `nil` when no row is. At least `(rowCount + 7) / 8` bytes.
  public var deadRows: UnsafeRawPointer?

  public init(
    rowCount: Int, sketches: UnsafeRawPointer, seconds: UnsafeRawPointer,
    rests: UnsafeRawPointer, images: UnsafeRawPointer, ids: UnsafeRawPointer,
    deadRows: UnsafeRawPointer? = nil
  ) {
    self.rowCount = rowCount
    self.sketches = sketches
    self.seconds = seconds
    self.rests = rests
    self.images = images
    self.ids = ids
    self.deadRows = deadRows
  }

  public func id(ofRow row: Int) -> ItemID {
    ItemID(UInt64(littleEndian: ids.loadUnaligned(fromByteOffset: 8 * row, as: UInt64.self)))
  }

  public func isDead(row: Int) -> Bool {
    guard let deadRows else { return false }
    return deadRows.load(fromByteOffset: row >> 3, as: UInt8.self) & (1 << UInt8(row & 7)) != 0
  }

  /// Rows that are not deleted. Reads the bits of all rows, if any is.
  var liveRowCount: Int {
    guard let deadRows else { return rowCount }
    let wholeCount = rowCount / 8
    var deadCount = UnsafeRawBufferPointer(start: deadRows, count: wholeCount)
      .reduce(0) { $0 + $1.nonzeroBitCount }
    for row in 8 * wholeCount..<rowCount where isDead(row: row) { deadCount += 1 }
    return rowCount - deadCount
  }

  /// The image code of a row.
  public func image(ofRow row: Int) -> ImageCode {
    ImageCode(
      copying: UnsafeRawBufferPointer(
        start: images + ImageCode.byteCount * row, count: ImageCode.byteCount))
  }

  /// A run of the rows; it must begin at a multiple of 8 if any row is deleted.
  func rows(_ range: Range<Int>) -> CodeColumns {
    let low = range.lowerBound
    var part = self
    part.rowCount = range.count
    part.sketches += Self.sketchByteCount * low
    part.seconds += Self.secondByteCount * low
    part.rests += Self.restByteCount * low
    part.images += ImageCode.byteCount * low
    part.ids += 8 * low
    part.deadRows = deadRows.map { $0 + low / 8 }
    return part
  }

  /// Copies the permuted feature code of a row, `FeatureCode.byteCount` bytes.
  public func copyPermutedCode(ofRow row: Int, to target: UnsafeMutableRawPointer) {
    target.copyMemory(
      from: sketches + Self.sketchByteCount * row, byteCount: Self.sketchByteCount)
    (target + Self.sketchByteCount).copyMemory(
      from: seconds + Self.secondByteCount * row, byteCount: Self.secondByteCount)
    (target + Self.sketchByteCount + Self.secondByteCount).copyMemory(
      from: rests + Self.restByteCount * row, byteCount: Self.restByteCount)
  }

  /// Copies the columns that hold any of the given bytes of a row's permuted code, each to its
  /// place in `target`, which has room for the whole code.
  func copyPermutedCode(ofRow row: Int, to target: UnsafeMutableRawPointer, bytes: Range<Int>) {
    if bytes.lowerBound < 32 {
      target.copyMemory(from: sketches + 32 * row, byteCount: 32)
    }
    if bytes.lowerBound < 64, bytes.upperBound > 32 {
      (target + 32).copyMemory(from: seconds + 32 * row, byteCount: 32)
    }
    if bytes.upperBound > 64 {
      let low = max(64, bytes.lowerBound)
      (target + low).copyMemory(
        from: rests + Self.restByteCount * row + low - 64, byteCount: bytes.upperBound - low)
    }
  }

  /// Writes one row into columns laid out one after another in `memory`, which has room for
  /// `rowCount` rows (``rowByteCount`` bytes each) in the order of the table above. Without an
  /// image, what is in its place stays there.
  public static func write(
    permutedCode: UnsafeRawPointer, image: UnsafeRawPointer?, id: ItemID,
    atRow row: Int, ofRows rowCount: Int, in memory: UnsafeMutableRawPointer
  ) {
    let seconds = memory + sketchByteCount * rowCount
    let rests = seconds + secondByteCount * rowCount
    let images = rests + restByteCount * rowCount
    let ids = images + ImageCode.byteCount * rowCount
    (memory + sketchByteCount * row).copyMemory(
      from: permutedCode, byteCount: sketchByteCount)
    (seconds + secondByteCount * row).copyMemory(
      from: permutedCode + sketchByteCount, byteCount: secondByteCount)
    (rests + restByteCount * row).copyMemory(
      from: permutedCode + sketchByteCount + secondByteCount, byteCount: restByteCount)
    if let image {
      (images + ImageCode.byteCount * row).copyMemory(
        from: image, byteCount: ImageCode.byteCount)
    }
    (ids + 8 * row).storeBytes(of: id.rawValue.littleEndian, as: UInt64.self)
  }

  /// The columns that ``write(permutedCode:image:id:atRow:ofRows:in:)`` filled.
  public init(rowCount: Int, contiguous memory: UnsafeRawPointer) {
    let seconds = memory + Self.sketchByteCount * rowCount
    let rests = seconds + Self.secondByteCount * rowCount
    let images = rests + Self.restByteCount * rowCount
    self.init(
      rowCount: rowCount, sketches: memory, seconds: seconds, rests: rests, images: images,
      ids: images + ImageCode.byteCount * rowCount)
  }
}
