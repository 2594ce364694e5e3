import ThumbprintNets

extension Codec {
  private static let kind = "thumbprint-codec-1"

  /// What a file's metadata say of the codec in it.
  var metadata: [String: String] {
    [
      "outer_channels": String(spec.outerChannels), "inner_channels": String(spec.innerChannels),
      "encoder_outer_channels": String(spec.encoderOuterChannels),
      "encoder_inner_channels": String(spec.encoderInnerChannels),
      "binarizer": spec.binarizer.rawValue, "bottleneck": spec.bottleneck.rawValue,
    ]
  }

  /// All weights: `stageK.scale`, `stageK.encoder.conv1.weight` and so on.
  func tensors(prefix: String = "") -> [(name: String, tensor: Tensor)] {
    stages.enumerated().flatMap { number, stage in
      let name = "\(prefix)stage\(number)."
      return [(name: name + "scale", tensor: Tensor(shape: [1], values: [stage.scale]))]
        + stage.encoder.tensors(prefix: name + "encoder.")
        + stage.decoder.tensors(prefix: name + "decoder.")
    }
  }

  /// Writes the codec as a safetensors file; docs/formats/codec.md is normative.
  ///
  /// - Parameters:
  ///   - halves: Store 16-bit floats: half the bytes, and weights that are rounded to 11 bits.
  ///   - notes: Further metadata, such as the recipe; not the keys written here.
  public func write(
    to path: String, halves: Bool = false, notes: [String: String] = [:]
  ) throws(NetsError) {
    try SafetensorsWriter.write(
      tensors(),
      metadata: notes.merging(metadata) { $1 }.merging(["kind": Self.kind]) { $1 },
      halves: halves, to: path)
  }

  /// Reads a codec that ``write(to:halves:notes:)`` wrote, or the one of a ``Model``.
  ///
  /// - Throws: `NetsError`, or ``CodingError/Code/malformedModel`` naming the path.
  public init(path: String) throws {
    let file = try SafetensorsFile(path: path)
    switch file.metadata["kind"] {
    case Self.kind: try self.init(from: file)
    case Model.kind: try self.init(from: file, prefix: Model.codecPrefix)
    default:
      throw CodingError(
        .malformedModel, "is not a codec of this version: its metadata do not say so", path: path)
    }
  }

  /// Takes a codec out of a file that holds it beside other things.
  ///
  /// - Parameter prefix: What stands before the names of its tensors and of its metadata.
  init(from file: SafetensorsFile, prefix: String = "") throws {
    func channels(_ key: String) -> Int? { file.metadata[prefix + key].flatMap(Int.init) }
    // Files of the first version have encoders as wide as decoders, and grids.
    let bottleneck = file.metadata[prefix + "bottleneck"] ?? CodecSpec.Bottleneck.grid.rawValue
    guard let outer = channels("outer_channels"), let inner = channels("inner_channels"),
      let binarizer = file.metadata[prefix + "binarizer"].flatMap(BinarizerMode.init),
      let bottleneck = CodecSpec.Bottleneck(rawValue: bottleneck)
    else {
      throw CodingError(
        .malformedModel, "its metadata do not describe a codec of this version", path: file.path)
    }
    let spec = CodecSpec(
      outerChannels: outer, innerChannels: inner,
      encoderOuterChannels: channels("encoder_outer_channels"),
      encoderInnerChannels: channels("encoder_inner_channels"), binarizer: binarizer,
      bottleneck: bottleneck)
    do {
      try self.init(spec, seed: 0)
    } catch {
      throw NetsError(error.code, error.message, path: file.path)
    }
    for number in stages.indices {
      let name = "\(prefix)stage\(number)."
      let scale = try file.tensor(name + "scale", shape: [1]).values[0]
      guard scale > 0, scale.isFinite else {
        throw CodingError(
          .malformedModel, "the scale of stage \(number) is \(scale), not above 0",
          path: file.path)
      }
      stages[number].scale = scale
      try stages[number].encoder.load(from: file, prefix: name + "encoder.")
      try stages[number].decoder.load(from: file, prefix: name + "decoder.")
    }
  }
}
