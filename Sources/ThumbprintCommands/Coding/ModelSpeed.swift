import ThumbprintCodes
import ThumbprintCoding
import ThumbprintImages

/// How long a model takes on one thread of this machine, in milliseconds a picture.
struct ModelSpeed: Encodable {
  /// One picture at a time.
  var encodeOne: Double
  var decodeOne: Double
  /// Of many at once.
  var encode: Double
  var decode: Double
  /// With the search of `--effort 2`.
  var search: Double
  /// Feature codes, one at a time; `nil` if the model has none.
  var feature: Double?
  /// From the bytes of a JPEG of 384×256 pixels to both codes, one picture at a time; `nil` if the
  /// model has no feature network.
  var wholePath: Double?
  /// A step of training the first stage of a codec by the quick recipe, with 16 pictures.
  var trainingStep: Double
  /// Megabytes of weights that coding and showing one picture reads: what bounds them.
  var encodeMegabytes: Double
  var decodeMegabytes: Double
  /// Bits set in all codes made: the same on every machine.
  var checksum: Int

  init(_ model: Model) throws {
    let pictures = (0..<GoldenCode.count).map(GoldenCode.picture)
    let codec = model.codec
    let search = CodeSearch(codec)
    var many = Thumbnails()
    for _ in 0..<16 { for picture in pictures { many.append(picture) } }
    var few = Thumbnails()
    for picture in pictures { few.append(picture) }
    let ones = (0..<few.count).map { few[$0] }
    let codes = codec.encode(many)
    encodeOne = Self.milliseconds(ones.count) { for one in ones { _ = codec.encode(one) } }
    decodeOne = Self.milliseconds(ones.count) {
      for code in codes.prefix(ones.count) { _ = codec.decode(code) }
    }
    encode = Self.milliseconds(many.count) { _ = codec.encode(many) }
    decode = Self.milliseconds(many.count) { _ = codec.decode(codes) }
    self.search = Self.milliseconds(few.count) { _ = codec.encode(few, search: search) }
    feature = model.features.map { network in
      Self.milliseconds(ones.count) { for picture in pictures { _ = network.encode(picture) } }
    }
    let weights = codec.weightByteCounts
    encodeMegabytes = Double(weights.encode) / 1e6
    decodeMegabytes = Double(weights.decode) / 1e6
    let features = model.features?.encode(pictures.count) { pictures[$0] } ?? []
    checksum =
      codes.prefix(ones.count).reduce(0) { $0 + $1.withUnsafeBytes(Self.setBitCount) }
      + features.reduce(0) { $0 + $1.withUnsafeBytes(Self.setBitCount) }
    wholePath = try model.features.map { try Self.wholePath(codec, $0, pictures) }
    trainingStep = try Self.trainingStep(many)
  }

  private static func setBitCount(_ bytes: UnsafeRawBufferPointer) -> Int {
    bytes.reduce(0) { $0 + $1.nonzeroBitCount }
  }

  private static func wholePath(
    _ codec: Codec, _ features: FeatureNetwork, _ pictures: [Picture]
  ) throws -> Double {
    let files = try pictures.map {
      try $0.resized(width: 384, height: 256, filter: .bicubic).jpeg(quality: 85)
    }
    let side = max(Thumbnails.side, features.inputSide)
    return try milliseconds(files.count) {
      for file in files {
        let picture = try PictureReader.decode(file, sideMin: side)
        _ = features.encode(picture)
        _ = codec.encode(picture)
      }
    }
  }

  private static func trainingStep(_ pictures: Thumbnails) throws -> Double {
    var trainer = try CodecTrainer(
      recipe: .quick, pictures: pictures, seed: 1, threadCount: 1)
    let stepCount = 20
    return try milliseconds(stepCount) {
      for _ in 0..<stepCount { _ = try trainer.advance() }
    }
  }

  /// The shortest of five runs, a picture.
  private static func milliseconds(_ count: Int, _ body: () throws -> Void) rethrows -> Double {
    let times = try (0..<5).map { _ in
      let start = Progress.now
      try body()
      return Progress.now - start
    }
    return times.min()! * 1_000 / Double(count)
  }

  var text: String {
    func figure(_ number: Double) -> String { "\(Text.fixed(number, 2)) ms" }
    func bound(_ megabytes: Double) -> String { "reads \(Text.fixed(megabytes, 1)) MB of weights" }
    var lines = [
      "one thread, the shortest of five runs, a picture:",
      "  encode       \(figure(encodeOne)), of many \(figure(encode)); \(bound(encodeMegabytes))",
      "  show         \(figure(decodeOne)), of many \(figure(decode)); \(bound(decodeMegabytes))",
      "  --effort 2   \(figure(search))",
    ]
    if let feature, let wholePath {
      lines.append(
        "  feature code \(figure(feature)); JPEG of 384x256 to both \(figure(wholePath))")
    }
    lines.append("  a step of training, 16 pictures: \(figure(trainingStep))")
    lines.append("checksum: \(Text.grouped(checksum)) bits set")
    return lines.joined(separator: "\n") + "\n"
  }
}
