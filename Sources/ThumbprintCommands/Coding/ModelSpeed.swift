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

  init(_ model: Model) {
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
      Self.milliseconds(ones.count) { _ = network.encode(pictures.count) { pictures[$0] } }
    }
  }

  /// The shortest of five runs, a picture.
  private static func milliseconds(_ count: Int, _ body: () -> Void) -> Double {
    let times = (0..<5).map { _ in
      let start = Progress.now
      body()
      return Progress.now - start
    }
    return times.min()! * 1_000 / Double(count)
  }

  var text: String {
    func figure(_ number: Double) -> String { "\(Text.fixed(number, 2)) ms" }
    return "one thread, a picture: encode \(figure(encodeOne)) (many: \(figure(encode))), "
      + "show \(figure(decodeOne)) (many: \(figure(decode))), --effort 2 \(figure(search))"
      + (feature.map { ", feature code \(figure($0))" } ?? "") + "\n"
  }
}
