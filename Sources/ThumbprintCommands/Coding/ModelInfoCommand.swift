import ArgumentParser
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintNets

struct ModelInfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "Describe a model.",
    discussion: """
      Without a file, describes the model that 'encode' would use.

      Examples:
        thumbprint model info
        thumbprint model info codec.safetensors --json
      """)

  @Argument(help: ArgumentHelp("Model or codec file.", valueName: "file"), completion: .file())
  var file: String?

  @OptionGroup var output: OutputOptions

  mutating func run() throws {
    var options = ModelOptions()
    options.model = file
    let path = try options.path()
    let description = ModelDescription(try Model(path: path), path: path)
    if output.json {
      try Console.write(json: description)
    } else {
      try Console.write(description.text)
    }
  }
}

/// What is said of a model, as `--json` shows it.
struct ModelDescription: Encodable {
  var path: String
  var identity: String
  var weightBytes: Int
  var codec: CodecSpec
  var features: FeatureDescription?
  var goldenCodes: Int
  var notes: [String: String]

  init(_ model: Model, path: String) {
    self.path = path
    identity = model.identity.name
    weightBytes = model.weightByteCount
    codec = model.codec.spec
    features = model.features?.description
    goldenCodes = model.goldenCodes.count
    notes = model.notes
  }

  var text: String {
    var lines = [
      "\(path)", "identity  \(identity)",
      "codec     \(codec.bottleneck.rawValue), encoders \(codec.encoderOuterChannels) and "
        + "\(codec.encoderInnerChannels) channels, decoders \(codec.innerChannels) and "
        + "\(codec.outerChannels)",
    ]
    if let features {
      lines.append(
        "features  \(features.convolutions.side)x\(features.convolutions.side) pixels, "
          + "\(features.pooling.rawValue), fc6 of \(features.hiddenCount)")
    } else {
      lines.append("features  none: the model shows pictures and cannot find them")
    }
    lines.append("weights   \(Text.bytes(weightBytes)) as 32-bit floats")
    for (key, value) in notes.sorted(by: { $0.key < $1.key }) {
      lines.append("\(Text.printable(key)): \(Text.printable(value))")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
