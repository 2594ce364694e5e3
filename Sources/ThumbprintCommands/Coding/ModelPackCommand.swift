import ArgumentParser
import Foundation
import ThumbprintCoding

struct ModelPackCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pack",
    abstract: "Put an image codec and a feature network into one model file.",
    discussion: """
      The file also gets the codes of generated pictures, for 'model verify'.

      Examples:
        thumbprint model pack --codec codec.safetensors \\
          --features features.safetensors --halves --out model.safetensors
        thumbprint model pack --codec codec.safetensors --out thumbnails.safetensors \\
          --note license=CC0
      """)

  @Option(help: ArgumentHelp("What 'train codec' wrote.", valueName: "file"), completion: .file())
  var codec: String

  @Option(
    help: ArgumentHelp("What 'train finetune' wrote.", valueName: "file"), completion: .file())
  var features: String?

  @Option(help: ArgumentHelp("File for the model.", valueName: "file"), completion: .file())
  var out: String

  @Flag(help: "Write 16-bit floats.")
  var halves = false

  @Option(help: ArgumentHelp("Something to say of the model.", valueName: "key=text"))
  var note: [String] = []

  @OptionGroup var log: LogOptions

  mutating func run() throws {
    var notes: [String: String] = [:]
    for text in note {
      guard let sign = text.firstIndex(of: "="), sign > text.startIndex, text.utf8.count <= 4096
      else { throw CommandError.flag("--note", "'\(text)' is not KEY=TEXT of at most 4096 bytes") }
      notes[String(text[..<sign])] = String(text[text.index(after: sign)...])
    }
    let coder = try CommandError.naming("--codec") { try Codec(path: codec) }
    let network = try features.map { path in
      try CommandError.naming("--features") { try FeatureNetwork(path: path) }
    }
    // Through a file first, so that golden codes are those of the weights as rounded.
    try Model(codec: coder, features: network, notes: notes).write(to: out, halves: halves)
    let model = try Model(path: out).withGoldenCodes()
    try model.write(to: out, halves: halves)
    try Console.write("wrote \(out): \(model.identity)\n")
  }
}
