import ThumbprintCodes
import ThumbprintWire

/// What is to be moved and why, as `--json` shows it.
package struct PlanReport: Encodable {
  struct Step: Encodable {
    var collection: String
    var shard: Int
    /// `nil` for a replica that is added.
    var from: String?
    var to: String
    var bytes: Int
    var why: String
  }

  var dryRun: Bool
  var steps: [Step]
  /// Of all steps together.
  var bytes: Int
  /// What keeps the plan from doing more, and how workers will stand.
  var notes: [String]

  package init(_ plan: MovePlan, isDryRun: Bool) {
    dryRun = isDryRun
    steps = plan.steps.map {
      Step(
        collection: $0.collection, shard: $0.number, from: $0.source?.text, to: $0.target.text,
        bytes: $0.byteCount, why: $0.why)
    }
    bytes = plan.steps.reduce(0) { $0 + $1.byteCount }
    notes = plan.notes
  }

  /// - Parameter empty: What to say of a plan without steps.
  package func text(empty: String) -> String {
    var text = ""
    if !steps.isEmpty {
      var table = TextTable([
        ("collection", .left), ("shard", .right), ("from", .left), ("to", .left),
        ("bytes", .right), ("why", .left),
      ])
      for step in steps {
        table.append([
          step.collection, String(step.shard), step.from ?? "-", step.to, Text.bytes(step.bytes),
          step.why,
        ])
      }
      text = table.text
    }
    for note in notes { text += Text.oneLine(note) + "\n" }
    if steps.isEmpty { return text + empty + "\n" }
    let moves = Text.count(steps.count, "move") + " of \(Text.bytes(bytes))"
    return text + (dryRun ? "this would be \(moves)\n" : "\(moves) begun\n")
  }
}
