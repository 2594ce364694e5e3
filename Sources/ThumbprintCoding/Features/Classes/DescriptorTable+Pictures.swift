import CXXHash
import Foundation
import ThumbprintImages
import ThumbprintNets

extension DescriptorTable {
  /// Pictures between two notes of how far the table is.
  private static let blockCount = 256

  /// What the fixed part of a network makes of picture files, computed once: rows that the file at
  /// `path` has already, of the same pictures and convolutions, are not computed again.
  ///
  /// - Parameters:
  ///   - byteCountMax: The most bytes that the table may take on disk.
  ///   - progress: Called with the number of pictures done; what it throws ends the work, and what is
  ///     done stays.
  /// - Throws: `ImagesError` naming the picture, ``CodingError/Code/invalidRecipe``, `NetsError`.
  public convenience init(
    describing paths: [String], by part: ConvolutionalPart, pooling: FeatureDescription.Pooling,
    path: String, byteCountMax: Int, threadCount: Int, progress: (Int) throws -> Void
  ) throws {
    let description = FeatureDescription(convolutions: part.description, pooling: pooling)
    try self.init(
      path: path, key: try Self.key(paths, part, pooling), count: paths.count,
      size: description.descriptorCount(part.output), byteCountMax: byteCountMax)
    try progress(doneCount)
    for start in stride(from: doneCount, to: paths.count, by: Self.blockCount) {
      let block = start..<min(paths.count, start + Self.blockCount)
      let pictures = try PictureLoader.read(Array(paths[block]), threadCount: threadCount) {
        part.description.sized(
          try PictureReader.read(path: $0, sideMin: 2 * part.description.side))
      }
      // One picture at a time: as a code is made later, to the same bits.
      part.forEachSlice(
        block.count, of: 1, threadCount: threadCount, picture: { pictures[$0] },
        { range, activations in
          description.describe(
            activations, part.output, imageCount: 1, into: target(start + range.lowerBound))
        })
      finish(block.upperBound)
      try progress(block.upperBound)
    }
  }

  /// XXH3-128 over what the rows depend on: the convolutions, and each file's path, size and time.
  private static func key(
    _ paths: [String], _ part: ConvolutionalPart, _ pooling: FeatureDescription.Pooling
  ) throws -> (UInt64, UInt64) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var bytes = [UInt8](try encoder.encode(part.description)) + Array(pooling.rawValue.utf8)
    part.network.parameters.withUnsafeBytes { bytes += $0 }
    for path in paths {
      let attributes = try? FileManager.default.attributesOfItem(atPath: path)
      let size = (attributes?[.size] as? NSNumber)?.int64Value ?? -1
      let time = (attributes?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
      bytes += Array("\u{0}\(path)\u{0}\(size)\u{0}\(time)".utf8)
    }
    let hash = bytes.withUnsafeBytes { XXH3_128bits($0.baseAddress, $0.count) }
    return (hash.high64, hash.low64)
  }
}
