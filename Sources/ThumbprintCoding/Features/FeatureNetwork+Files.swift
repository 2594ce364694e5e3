import Foundation
import ThumbprintNets

extension FeatureNetwork {
  static let kind = "thumbprint-features-1"

  /// All weights, as a model file holds them: `convolutions.conv1_1.weight` …, `projection.weight`,
  /// `fc6.weight`, `fc7.weight` …
  public func tensors(prefix: String = "") -> [(name: String, tensor: Tensor)] {
    convolutions.network.tensors(prefix: prefix + "convolutions.") + head.tensors(prefix: prefix)
  }

  /// The description as JSON, for the metadata of a model file.
  public var descriptionJSON: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = .sortedKeys
      return String(decoding: try encoder.encode(description), as: UTF8.self)
    }
  }

  /// Writes the network as a safetensors file.
  ///
  /// - Parameters:
  ///   - halves: Store 16-bit floats: half the bytes, and weights that are rounded to 11 bits.
  ///   - notes: Further metadata; not the keys written here.
  ///   - extras: Further arrays, which readers of features ignore, such as `fc8`.
  public func write(
    to path: String, halves: Bool = false, notes: [String: String] = [:],
    extras: [(name: String, tensor: Tensor)] = []
  ) throws {
    try SafetensorsWriter.write(
      tensors() + extras,
      metadata: notes.merging(["kind": Self.kind, "description": try descriptionJSON]) { $1 },
      halves: halves, to: path)
  }

  /// Reads a network that ``write(to:halves:notes:extras:)`` wrote, or the one of a ``Model``.
  ///
  /// - Throws: `NetsError`, or ``CodingError/Code/malformedModel`` naming the path.
  public init(path: String) throws {
    let file = try SafetensorsFile(path: path)
    if file.metadata["kind"] == Model.kind,
      let text = file.metadata[Model.featuresPrefix + "description"]
    {
      try self.init(from: file, prefix: Model.featuresPrefix, descriptionJSON: text)
      return
    }
    guard file.metadata["kind"] == Self.kind, let text = file.metadata["description"] else {
      throw CodingError(
        .malformedModel, "is not a feature network of this version: its metadata do not say so",
        path: path)
    }
    try self.init(from: file, descriptionJSON: text)
  }

  /// Takes a network out of a file that holds it beside other things.
  ///
  /// - Parameters:
  ///   - prefix: What stands before the names of ``tensors(prefix:)`` in the file.
  ///   - text: ``descriptionJSON`` as it was when the file was written.
  public init(
    from file: SafetensorsFile, prefix: String = "", descriptionJSON text: String
  ) throws {
    guard
      let description = try? JSONDecoder().decode(FeatureDescription.self, from: Data(text.utf8))
    else {
      throw CodingError(
        .malformedModel, "its metadata do not describe a feature network", path: file.path)
    }
    do throws(NetsError) {
      try description.convolutions.check()
      var layers = try Network(description.convolutions.convolutions, seed: 0)
      try layers.load(from: file, prefix: prefix + "convolutions.")
      try self.init(
        description, ConvolutionalPart(description.convolutions, layers), seed: 0)
      try head.load(from: file, prefix: prefix)
    } catch {
      throw NetsError(error.code, error.message, path: error.path ?? file.path)
    }
  }
}
