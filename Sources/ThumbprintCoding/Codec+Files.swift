import ThumbprintNets

extension Codec {
  private static let kind = "thumbprint-codec-1"

  /// Writes the codec as a safetensors file: `stageK.encoder.conv1.weight` and so on, and
  /// `stageK.scale`; the metadata hold the kind and the channel counts.
  ///
  /// - Parameter notes: Further metadata, such as the recipe; not the keys written here.
  public func write(to path: String, notes: [String: String] = [:]) throws(NetsError) {
    var tensors: [(name: String, tensor: Tensor)] = []
    for (number, stage) in stages.enumerated() {
      tensors.append(("stage\(number).scale", Tensor(shape: [1], values: [stage.scale])))
      tensors += stage.encoder.tensors(prefix: "stage\(number).encoder.")
      tensors += stage.decoder.tensors(prefix: "stage\(number).decoder.")
    }
    let metadata = notes.merging([
      "kind": Self.kind, "outer_channels": String(spec.outerChannels),
      "inner_channels": String(spec.innerChannels), "binarizer": spec.binarizer.rawValue,
    ]) { $1 }
    try SafetensorsWriter.write(tensors, metadata: metadata, to: path)
  }

  /// Reads a codec that ``write(to:notes:)`` wrote.
  ///
  /// - Throws: ``NetsError``, or ``CodingError/Code/malformedModel`` naming the path.
  public init(path: String) throws {
    let file = try SafetensorsFile(path: path)
    guard file.metadata["kind"] == Self.kind,
      let outer = file.metadata["outer_channels"].flatMap(Int.init),
      let inner = file.metadata["inner_channels"].flatMap(Int.init),
      let binarizer = file.metadata["binarizer"].flatMap(BinarizerMode.init)
    else {
      throw CodingError(
        .malformedModel, "is not a codec of this version: its metadata do not say so", path: path)
    }
    let spec = CodecSpec(outerChannels: outer, innerChannels: inner, binarizer: binarizer)
    do {
      try self.init(spec, seed: 0)
    } catch {
      throw NetsError(error.code, error.message, path: path)
    }
    for number in stages.indices {
      let scale = try file.tensor("stage\(number).scale", shape: [1]).values[0]
      guard scale > 0, scale.isFinite else {
        throw CodingError(
          .malformedModel, "the scale of stage \(number) is \(scale), not above 0", path: path)
      }
      stages[number].scale = scale
      try stages[number].encoder.load(from: file, prefix: "stage\(number).encoder.")
      try stages[number].decoder.load(from: file, prefix: "stage\(number).decoder.")
    }
  }
}
