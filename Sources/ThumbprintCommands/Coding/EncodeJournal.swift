import CXXHash
import Foundation
import ThumbprintCodes
import ThumbprintCoding

/// What an encoding run has done so far, in a file beside the dataset to be, so that a run that was
/// stopped goes on where it was.
///
/// The file: a line that names the run, then blocks of outcomes in the order of the pictures. A
/// block: count (u32), byte count (u32), XXH3-64 (u64) of the bytes, then the bytes; an outcome is 1,
/// 64 bytes of image code and 512 of feature code, or 0, a u16 and as many bytes of reason. Integers
/// are little-endian. What follows the last whole block is dropped.
final class EncodeJournal {
  let path: String
  /// Outcomes in whole blocks.
  private(set) var count = 0
  private let header: [UInt8]
  private let file: FileHandle
  private let headByteCount = 16

  /// Opens the journal of a run, or begins it.
  ///
  /// - Parameter run: One line that is the same for equal runs: pictures, model, effort.
  init(path: String, run: String) throws {
    self.path = path
    header = Array("thumbprint-encode-1 \(run)\n".utf8)
    do {
      let manager = FileManager.default
      var start: Data?
      if manager.fileExists(atPath: path) {
        start = try FileHandle(forReadingFrom: URL(filePath: path)).read(upToCount: header.count)
      }
      if start != Data(header) { try Data(header).write(to: URL(filePath: path)) }
      file = try FileHandle(forUpdating: URL(filePath: path))
    } catch {
      throw Self.failure(path, error)
    }
    var end = UInt64(header.count)
    try forEachBlock { outcomes, next in
      count += outcomes.count
      end = next
    }
    try reporting {
      try file.truncate(atOffset: end)
      try file.seek(toOffset: end)
    }
  }

  /// Adds a block; it is with the operating system on return.
  func append(_ outcomes: [PictureEncoder.Outcome]) throws {
    var body: [UInt8] = []
    for outcome in outcomes {
      switch outcome {
      case .coded(let image, let feature):
        body.append(1)
        image.withUnsafeBytes { body += $0 }
        feature.withUnsafeBytes { body += $0 }
      case .refused(let reason):
        let text = Array(reason.utf8.prefix(Int(UInt16.max)))
        body.append(0)
        body += [UInt8(text.count & 0xFF), UInt8(text.count >> 8)] + text
      }
    }
    var block: [UInt8] = []
    func add(_ value: some FixedWidthInteger) {
      Swift.withUnsafeBytes(of: value.littleEndian) { block.append(contentsOf: $0) }
    }
    add(UInt32(outcomes.count))
    add(UInt32(body.count))
    add(body.withUnsafeBytes { XXH3_64bits($0.baseAddress, $0.count) })
    try reporting { try file.write(contentsOf: Data(block + body)) }
    count += outcomes.count
  }

  /// Calls `body` with the place and the outcome of every picture, in order.
  func readAll(_ body: (Int, PictureEncoder.Outcome) throws -> Void) throws {
    var place = 0
    try forEachBlock { outcomes, _ in
      for outcome in outcomes {
        try body(place, outcome)
        place += 1
      }
    }
  }

  /// Removes the file.
  func remove() {
    try? file.close()
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Reads whole blocks from the start; `body` also gets the place where the next begins.
  private func forEachBlock(
    _ body: ([PictureEncoder.Outcome], UInt64) throws -> Void
  ) throws {
    let reader = try reporting { try FileHandle(forReadingFrom: URL(filePath: path)) }
    defer { try? reader.close() }
    var place = UInt64(header.count)
    try reporting { try reader.seek(toOffset: place) }
    while true {
      guard let head = try reporting({ try reader.read(upToCount: headByteCount) }),
        head.count == headByteCount
      else { return }
      let (count, byteCount, hash) = head.withUnsafeBytes {
        (
          Int(UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self))),
          Int(UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self))),
          UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        )
      }
      guard byteCount < 1 << 28,
        let bytes = try reporting({ try reader.read(upToCount: byteCount) }),
        bytes.count == byteCount,
        bytes.withUnsafeBytes({ XXH3_64bits($0.baseAddress, $0.count) }) == hash,
        let outcomes = Self.parse(Array(bytes), count: count)
      else { return }
      place += UInt64(headByteCount + byteCount)
      try body(outcomes, place)
    }
  }

  private static func parse(_ bytes: [UInt8], count: Int) -> [PictureEncoder.Outcome]? {
    var outcomes: [PictureEncoder.Outcome] = []
    var rest = bytes[...]
    let (image, feature) = (ImageCode.byteCount, FeatureCode.byteCount)
    while let kind = rest.popFirst() {
      if kind == 1 {
        guard rest.count >= image + feature, let imageCode = ImageCode(rest.prefix(image)),
          let featureCode = FeatureCode(rest.dropFirst(image).prefix(feature))
        else { return nil }
        outcomes.append(.coded(image: imageCode, feature: featureCode))
        rest = rest.dropFirst(image + feature)
      } else {
        guard let low = rest.popFirst(), let high = rest.popFirst() else { return nil }
        let length = Int(low) | Int(high) << 8
        guard rest.count >= length else { return nil }
        outcomes.append(.refused(String(decoding: rest.prefix(length), as: UTF8.self)))
        rest = rest.dropFirst(length)
      }
    }
    return outcomes.count == count ? outcomes : nil
  }

  private func reporting<R>(_ body: () throws -> R) throws -> R {
    do { return try body() } catch { throw Self.failure(path, error) }
  }

  private static func failure(_ path: String, _ error: any Error) -> CommandError {
    CommandError(
      .inputOutput, "'\(path)': the journal of the run cannot be read or written",
      cause: "\(error)")
  }
}
