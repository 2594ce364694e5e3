import Foundation
import ThumbprintNets

extension ConvolutionalPart {
  private static let kind = "thumbprint-convolutions-1"

  /// Writes description and weights as a safetensors file.
  ///
  /// - Parameter notes: Further metadata; not the keys written here.
  public func write(to path: String, notes: [String: String] = [:]) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let text = String(decoding: try encoder.encode(description), as: UTF8.self)
    try SafetensorsWriter.write(
      network.tensors(),
      metadata: notes.merging(["kind": Self.kind, "description": text]) { $1 }, to: path)
  }

  /// Reads what ``write(to:notes:)`` wrote, the convolutions of a ``FeatureNetwork`` or of a
  /// ``Model``, or else layers of a VGG-19 under any of its usual names.
  ///
  /// How pictures become the inputs of a VGG-19 is what the file's metadata say under
  /// `preprocessing`: `caffe` (or a text that begins with `BGR`), or `torchvision`. Without that, the
  /// names decide: weights under the names of torchvision and timm were trained with theirs.
  ///
  /// - Parameter vgg19: What to take of a VGG-19.
  /// - Throws: `NetsError`, or ``CodingError/Code/malformedModel``, naming the path.
  public init(path: String, vgg19: VGGDescription = .vgg19Lower) throws {
    let file = try SafetensorsFile(path: path)
    if [FeatureNetwork.kind, Model.kind].contains(file.metadata["kind"]) {
      self = try FeatureNetwork(path: path).convolutions
      return
    }
    guard file.metadata["kind"] == Self.kind else {
      try self.init(vgg19.preprocessed(as: Self.preprocessing(file)), path: path)
      return
    }
    let text = file.metadata["description"] ?? ""
    guard
      let description = try? JSONDecoder().decode(VGGDescription.self, from: Data(text.utf8)),
      (try? description.check()) != nil
    else {
      throw CodingError(
        .malformedModel, "its metadata do not describe a network that can be built", path: path)
    }
    try self.init(description, path: path)
  }

  private static func preprocessing(
    _ file: SafetensorsFile
  ) throws(CodingError) -> VGGDescription.Preprocessing {
    switch file.metadata["preprocessing"] {
    case "caffe": return .caffe
    case "torchvision": return .torchvision
    case nil: return file.entry("conv1_1.weight") == nil ? .torchvision : .caffe
    case let text? where text.hasPrefix("BGR"): return .caffe
    case let text?:
      throw CodingError(
        .malformedModel,
        "its metadata say preprocessing '\(String(text.prefix(40)))', which is neither 'caffe' nor "
          + "'torchvision'", path: file.path)
    }
  }
}

extension VGGDescription {
  /// The same network for other inputs.
  func preprocessed(as preprocessing: Preprocessing) -> VGGDescription {
    VGGDescription(
      side: side, blocks: blocks, poolsLastBlock: poolsLastBlock, isNormalized: isNormalized,
      preprocessing: preprocessing)
  }
}
