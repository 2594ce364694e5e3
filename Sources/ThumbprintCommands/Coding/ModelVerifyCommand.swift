import ArgumentParser
import ThumbprintCodes
import ThumbprintCoding

struct ModelVerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check that a model is whole and makes on this machine the codes it should.",
    discussion: """
      Reads every weight, compares them with the identity in the file, and codes
      generated pictures, whose codes the file holds. Versions may add in different
      orders, so 1 bit in 500 may differ.

      Examples:
        thumbprint model verify
        thumbprint model verify model.safetensors --json
      """)

  @Argument(help: ArgumentHelp("Model or codec file.", valueName: "file"), completion: .file())
  var file: String?

  @Flag(help: "Also measure how long coding takes on one thread.")
  var speed = false

  @OptionGroup var output: OutputOptions

  private struct Result: Encodable {
    var path: String
    var identity: String
    var bits: Int?
    var flippedBits: Int?
    var milliseconds: ModelSpeed?
  }

  mutating func run() throws {
    var options = ModelOptions()
    options.model = file
    let path = try options.path()
    let model = try Model(path: path)
    let golden = model.compareGoldenCodes()
    if let golden, Double(golden.flipped) > GoldenCode.flippedBitShareMax * Double(golden.of) {
      throw CommandError(
        .badData,
        "'\(path)': \(golden.flipped) of \(golden.of) bits of its golden codes come out "
          + "differently, above 1 in 500",
        hint: "this build computes something else on this machine; run its tests")
    }
    let result = Result(
      path: path, identity: model.identity.name, bits: golden?.of, flippedBits: golden?.flipped,
      milliseconds: speed ? try ModelSpeed(model) : nil)
    if output.json { return try Console.write(json: result) }
    let codes =
      golden.map { "\($0.flipped) of \(Text.grouped($0.of)) bits of its golden codes differ" }
      ?? "it holds no golden codes"
    try Console.write("\(path): \(model.identity): the weights are whole; \(codes)\n")
    if let times = result.milliseconds { try Console.write(times.text) }
  }
}
