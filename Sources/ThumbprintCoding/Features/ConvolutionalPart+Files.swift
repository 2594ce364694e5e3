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

  /// Reads what ``write(to:notes:)`` wrote, or else the lower layers of a VGG-19 under any of its
  /// usual names.
  ///
  /// - Throws: ``NetsError``, or ``CodingError/Code/malformedModel``, naming the path.
  public init(path: String) throws {
    let file = try SafetensorsFile(path: path)
    guard file.metadata["kind"] == Self.kind else {
      try self.init(.vgg19Lower, path: path)
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
}
