import ArgumentParser
import ThumbprintCoding

struct EvaluateTable2Command: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "table2",
    abstract: "Compare 128 floats with 4096 bits, which take as many bytes.",
    discussion: """
      The floats are principal components of what the convolutions give, plain and
      whitened; the bits are those of both networks. Writes table2.json, table2.md and
      table2.png.

      Examples:
        thumbprint evaluate table2 views --untuned vgg2.safetensors \\
          --tuned features.safetensors --codec codec.safetensors --out results
      """)

  @OptionGroup var retrieval: RetrievalOptions

  mutating func run() throws {
    let (evaluation, before, after) = try retrieval.load()
    let rows = try evaluation.table2(untuned: before, tuned: after)
    let report = try retrieval.report("Table 2: 128 floats against 4096 bits", rows)
    try report.write("table2", to: retrieval.out)
    if retrieval.output.json { return try Console.write(json: report) }
    try Console.write(report.table.text)
  }
}
