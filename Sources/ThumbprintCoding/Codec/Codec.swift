import ThumbprintCodes
import ThumbprintImages
import ThumbprintNets

/// Turns pictures into codes of 512 bits and back.
///
/// Stage `k` owns bytes `16 k ..< 16 (k + 1)` of a code: it codes what the stages before it left
/// over, so every prefix of whole stages decodes to a picture.
public struct Codec: Sendable {
  /// One stage: its networks work on residuals divided by ``scale``.
  struct Stage: Sendable {
    var encoder: Network
    var decoder: Network
    /// The root mean square of the residuals that the stage was trained on.
    var scale: Float
  }

  public let spec: CodecSpec
  var stages: [Stage] {
    didSet { Preparation.renew(&preparation) }
  }
  private var preparation = Preparation<PreparedCodec>()
  var prepared: PreparedCodec { preparation.value { PreparedCodec(stages) } }

  /// A codec that has learned nothing yet.
  ///
  /// - Throws: `NetsError.Code.invalidSpec` if a channel count is out of range.
  public init(_ spec: CodecSpec, seed: UInt64) throws(NetsError) {
    self.spec = spec
    let encoder = try NetworkPlan(spec.encoder)
    let decoder = try NetworkPlan(spec.decoder)
    stages = (0..<CodecSpec.stageCount).map { stage in
      var random = NetRandom(seed, 3, UInt64(stage))
      return Stage(
        encoder: Network(encoder, seed: random.next()),
        decoder: Network(decoder, seed: random.next()), scale: 1)
    }
  }

  /// Pictures that one worker codes together.
  private static let sliceImageCount = 16

  /// The codes of pictures.
  ///
  /// - Parameters:
  ///   - search: Made for this codec: also look for better bits than the networks give.
  ///   - threadCount: The most threads used; it does not change the codes. Blocks the calling
  ///     thread.
  public func encode(
    _ pictures: Thumbnails, search: CodeSearch? = nil, threadCount: Int = 1
  ) -> [ImageCode] {
    if let search { return self.search(pictures, by: search, threadCount: threadCount) }
    var codes = [ImageCode](repeating: ImageCode(), count: pictures.count)
    codes.withUnsafeMutableBufferPointer { codes in
      // Safe: each slice writes to its own pictures' codes.
      nonisolated(unsafe) let codes = codes
      forEachSlice(pictures.count, threadCount: threadCount) { range, coder in
        pictures.fill(coder.residual, indices: range)
        for stage in stages.indices {
          coder.encode(stage, imageCount: range.count, into: codes, range)
        }
      }
    }
    return codes
  }

  /// The code of one picture of any size.
  public func encode(_ picture: Picture, search: CodeSearch? = nil) -> ImageCode {
    var pictures = Thumbnails()
    pictures.append(picture)
    return encode(pictures, search: search)[0]
  }

  private func search(
    _ pictures: Thumbnails, by search: CodeSearch, threadCount: Int
  ) -> [ImageCode] {
    var codes = [ImageCode](repeating: ImageCode(), count: pictures.count)
    let workers = max(1, min(threadCount, codes.count))
    codes.withUnsafeMutableBufferPointer { codes in
      // Safe: worker w changes the codes w, w + workers, … alone.
      nonisolated(unsafe) let codes = codes
      Parallel.forEach(workers, threadCount: workers) { worker in
        let searcher = CodeSearcher(search)
        let picture = Memory(count: CodecSpec.picture.count)
        for index in stride(from: worker, to: codes.count, by: workers) {
          pictures.fill(picture.base, indices: CollectionOfOne(index))
          let bits = searcher.code(picture.base)
          for bit in bits.indices { codes[index][bit] = bits[bit] > 0 }
        }
      }
    }
    return codes
  }

  /// The pictures that codes show.
  ///
  /// - Parameter byteCount: How much of each code to use: 16, 32, 48 or 64 bytes.
  public func decode(
    _ codes: [ImageCode], byteCount: Int = ImageCode.byteCount, threadCount: Int = 1
  ) -> Thumbnails {
    precondition(
      byteCount > 0 && byteCount <= ImageCode.byteCount
        && byteCount % CodecSpec.stageByteCount == 0,
      "16, 32, 48 or 64 bytes of a code can be decoded, not \(byteCount)")
    let sliceCount = (codes.count + Self.sliceImageCount - 1) / Self.sliceImageCount
    var slices = [Thumbnails](repeating: Thumbnails(), count: sliceCount)
    slices.withUnsafeMutableBufferPointer { slices in
      nonisolated(unsafe) let slices = slices
      forEachSlice(codes.count, threadCount: threadCount) { range, coder in
        let sampleCount = range.count * CodecSpec.picture.count
        coder.residual.update(repeating: 0, count: sampleCount)
        for stage in 0..<byteCount / CodecSpec.stageByteCount {
          coder.setBits(stage, of: codes[range])
          coder.subtractDecoded(stage, imageCount: range.count)
        }
        for i in 0..<sampleCount { coder.residual[i] = -coder.residual[i] }
        slices[range.lowerBound / Self.sliceImageCount].append(
          coder.residual, imageCount: range.count)
      }
    }
    var pictures = Thumbnails()
    for slice in slices { pictures.append(contentsOf: slice) }
    return pictures
  }

  /// The picture that a code shows.
  public func decode(_ code: ImageCode, byteCount: Int = ImageCode.byteCount) -> Picture {
    decode([code], byteCount: byteCount)[0]
  }

  /// Runs `body` over slices of `count` pictures; each worker has memory of its own.
  private func forEachSlice(
    _ count: Int, threadCount: Int, _ body: (Range<Int>, SliceCoder) -> Void
  ) {
    let sliceCount = (count + Self.sliceImageCount - 1) / Self.sliceImageCount
    let workers = max(1, min(threadCount, sliceCount))
    guard count > 0 else { return }
    let prepared = prepared
    Parallel.forEach(workers, threadCount: workers) { worker in
      prepared.withCoder(imageCountMax: min(count, Self.sliceImageCount)) { coder in
        for slice in stride(from: worker, to: sliceCount, by: workers) {
          let start = slice * Self.sliceImageCount
          body(start..<min(count, start + Self.sliceImageCount), coder)
        }
      }
    }
  }
}
