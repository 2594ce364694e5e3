import CXXHash
import ThumbprintCodes
import ThumbprintNets

/// All networks that turn pictures into codes and back, as one file: the image codec and, unless the
/// model only shows pictures, the feature network.
public struct Model: Sendable {
  public let codec: Codec
  /// Makes the codes that pictures are found by; `nil` if the model only shows pictures.
  public let features: FeatureNetwork?
  /// What the makers say of it: data, recipe, licence; at most a few kilobytes.
  public let notes: [String: String]
  /// Codes of generated pictures as the makers' machine made them; empty in a new model.
  public let goldenCodes: [GoldenCode]
  /// The name of these weights: equal for equal weights and descriptions, whatever the notes and
  /// the file. Codes of two identities must not be compared.
  public let identity: CoderIdentity

  static let kind = "thumbprint-model-1"
  static let codecPrefix = "codec."
  static let featuresPrefix = "features."
  private static let notePrefix = "note."

  public init(
    codec: Codec, features: FeatureNetwork?, notes: [String: String] = [:],
    goldenCodes: [GoldenCode] = []
  ) throws {
    self.goldenCodes = goldenCodes
    self.codec = codec
    self.features = features
    self.notes = notes
    identity = try Self.identity(codec, features, isRounded: false)
  }

  /// Reads a file that ``write(to:halves:)`` wrote, or a codec alone.
  ///
  /// - Throws: `NetsError`, or ``CodingError/Code/malformedModel`` naming the path.
  public init(path: String) throws {
    let file = try SafetensorsFile(path: path)
    guard file.metadata["kind"] == Self.kind else {
      try self.init(codec: Codec(path: path), features: nil)
      return
    }
    let codec = try Codec(from: file, prefix: Self.codecPrefix)
    let features = try file.metadata[Self.featuresPrefix + "description"].map {
      try FeatureNetwork(from: file, prefix: Self.featuresPrefix, descriptionJSON: $0)
    }
    let known = codec.tensors().count + (features?.tensors().count ?? 0)
    guard file.entries.count == known else {
      throw CodingError(
        .malformedModel,
        "holds \(file.entries.count) tensors, where its networks have \(known)", path: path)
    }
    var notes: [String: String] = [:]
    for (key, value) in file.metadata where key.hasPrefix(Self.notePrefix) {
      notes[String(key.dropFirst(Self.notePrefix.count))] = value
    }
    let golden = try file.metadata["golden_codes"].map {
      try GoldenCode.parse($0, hasFeatures: features != nil, path: path)
    }
    try self.init(codec: codec, features: features, notes: notes, goldenCodes: golden ?? [])
    if let written = file.metadata["identity"], written != identity.name {
      throw CodingError(
        .malformedModel,
        "its weights are those of \(identity), not of \(clipped(written)) as it says: "
          + "the file is damaged", path: path)
    }
  }

  /// Writes the model as a safetensors file, replacing what the path holds when all is on disk.
  ///
  /// - Parameter halves: Store 16-bit floats. The model that is read back has rounded weights, and
  ///   so another identity, unless these were rounded already.
  public func write(to path: String, halves: Bool = false) throws {
    var metadata = ["kind": Self.kind]
    for (key, value) in codec.metadata { metadata[Self.codecPrefix + key] = value }
    for (key, value) in notes { metadata[Self.notePrefix + key] = value }
    if let features {
      metadata[Self.featuresPrefix + "description"] = try features.descriptionJSON
    }
    if !goldenCodes.isEmpty { metadata["golden_codes"] = GoldenCode.text(goldenCodes) }
    metadata["identity"] = try Self.identity(codec, features, isRounded: halves).name
    try SafetensorsWriter.write(
      codec.tensors(prefix: Self.codecPrefix)
        + (features?.tensors(prefix: Self.featuresPrefix) ?? []),
      metadata: metadata, halves: halves, to: path)
  }

  /// Bytes of all weights as 32-bit floats.
  public var weightByteCount: Int {
    let tensors = codec.tensors() + (features?.tensors() ?? [])
    return tensors.reduce(0) { $0 + 4 * $1.tensor.count }
  }

  /// XXH3-128 over descriptions, names, shapes and weights as 32-bit floats, little-endian.
  ///
  /// - Parameter isRounded: Of the weights as 16-bit floats hold them.
  private static func identity(
    _ codec: Codec, _ features: FeatureNetwork?, isRounded: Bool
  ) throws -> CoderIdentity {
    var bytes: [UInt8] = []
    func add(_ text: String) {
      bytes += text.utf8
      bytes.append(0)
    }
    for (key, value) in codec.metadata.sorted(by: { $0.key < $1.key }) where key != "binarizer" {
      add(key)
      add(value)
    }
    if let features { add(try features.descriptionJSON) }
    let tensors =
      codec.tensors(prefix: codecPrefix) + (features?.tensors(prefix: featuresPrefix) ?? [])
    for (name, tensor) in tensors {
      add(name)
      add("\(tensor.shape)")
      for exact in tensor.values {
        let value = isRounded ? float(half: half(exact)) : exact
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
      }
    }
    let hash = bytes.withUnsafeBytes { XXH3_128bits($0.baseAddress, $0.count) }
    let digits = [hash.high64, hash.low64].map { half in
      let text = String(half, radix: 16)
      return String(repeating: "0", count: 16 - text.count) + text
    }
    guard let identity = CoderIdentity("tp1-" + digits.joined()) else {
      preconditionFailure("hexadecimal digits are allowed in an identity")
    }
    return identity
  }
}
