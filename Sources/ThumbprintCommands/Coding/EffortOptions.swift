import ArgumentParser
import ThumbprintCoding

/// How long an encoder looks for better bits.
struct EffortOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Rounds of search for bits that show the picture better, 0 to 4; decoding stays the same.",
      valueName: "rounds"))
  var effort = 0

  mutating func validate() throws {
    guard (0...4).contains(effort) else {
      throw ValidationError("--effort: \(effort) is not in 0...4")
    }
  }

  /// The search, or `nil` for none.
  func search(_ codec: Codec) -> CodeSearch? {
    effort == 0 ? nil : CodeSearch(codec, roundCount: effort)
  }
}
