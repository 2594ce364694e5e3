import ArgumentParser
import ThumbprintCoding

struct EvaluateFigure6Command: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "figure6",
    abstract: "Score the codes before and after fine-tuning, alone and beside the image codes.",
    discussion: """
      Prints the N-S scores of VGG-2, of both codes combined, and of the tuned network
      on the groups tuned on and on the others, with baselines that need no network.
      Writes figure6.json, figure6.md and figure6.png.

      Examples:
        thumbprint evaluate figure6 views --untuned vgg2.safetensors \\
          --tuned features.safetensors --codec codec.safetensors --out results
      """)

  @OptionGroup var retrieval: RetrievalOptions

  mutating func run() throws {
    let (evaluation, before, after) = try retrieval.load()
    let rows = evaluation.baselines() + evaluation.figure6(untuned: before, tuned: after)
    let report = try retrieval.report("Figure 6: retrieval scores", rows)
    try report.write("figure6", to: retrieval.out)
    if retrieval.output.json { return try Console.write(json: report) }
    try Console.write(report.table.text)
  }
}
