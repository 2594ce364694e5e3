import Foundation
import ThumbprintCommands

/// What a trial found: one line a figure, with what was asked of it.
struct TrialReport: Codable {
  struct Figure: Codable {
    var what: String
    var found: String
    /// What was asked; `nil` for a figure that is only told.
    var asked: String?
    /// Whether what was asked holds; `nil` if nothing was.
    var holds: Bool?
    /// Whether it depends on how fast this machine is and on what else runs on it.
    var isTimed = false
    /// The figure as a number, for programs; in the unit that `found` names.
    var number: Double?
  }

  var trial: String
  /// How it was run.
  var settings: [String: String]
  var figures: [Figure] = []
  var notes: [String] = []
  var seconds = 0.0

  init(_ trial: String, settings: [String: String]) {
    self.trial = trial
    self.settings = settings
  }

  var isMet: Bool { figures.allSatisfy { $0.holds != false } }

  /// A figure that is only told.
  mutating func tell(_ what: String, _ found: String, _ number: Double? = nil) {
    figures.append(Figure(what: what, found: found, asked: nil, holds: nil, number: number))
  }

  /// A figure of which something was asked.
  mutating func ask(
    _ what: String, _ found: String, _ number: Double? = nil, asked: String, holds: Bool,
    isTimed: Bool = false
  ) {
    figures.append(
      Figure(
        what: what, found: found, asked: asked, holds: holds, isTimed: isTimed, number: number))
  }

  /// A count of what must not happen.
  mutating func askNone(_ what: String, _ count: Int) {
    ask(what, "\(count)", Double(count), asked: "0", holds: count == 0)
  }

  var text: String {
    var table = TextTable([
      ("what", .left), ("found", .right), ("asked", .right), ("", .left),
    ])
    for figure in figures {
      let verdict = figure.holds.map { $0 ? "held" : "NOT HELD" } ?? ""
      table.append([figure.what, figure.found, figure.asked ?? "", verdict])
    }
    let how = settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    var text = "\(trial): \(how.joined(separator: " ")) (\(Figures.number(seconds, 1)) s)\n"
    text += table.text
    for note in notes { text += "  \(note)\n" }
    return text
  }

  var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    let data = (try? encoder.encode(self)) ?? Data()
    return String(decoding: data, as: UTF8.self) + "\n"
  }
}

/// How numbers are written in tables.
enum Figures {
  static func number(_ value: Double, _ digits: Int = 2) -> String {
    String(format: "%.\(digits)f", value)
  }

  static func milliseconds(_ value: Double) -> String {
    number(value, value < 10 ? 3 : 1) + " ms"
  }

  static func rate(_ value: Double) -> String { "\(Int(value.rounded()))/s" }

  static func mebibytes(_ bytes: Int) -> String { number(Double(bytes) / 1_048_576, 1) + " MiB" }

  static func ratio(_ value: Double) -> String { number(value, 2) + "x" }
}

/// Seconds on a clock that never goes back.
struct Stopwatch: Sendable {
  private let start = ContinuousClock.now

  var seconds: Double { (ContinuousClock.now - start) / .seconds(1) }
  var milliseconds: Double { (ContinuousClock.now - start) / .milliseconds(1) }
}

/// Says on standard error how a trial gets on.
enum Chatter {
  static func say(_ text: String) {
    FileHandle.standardError.write(Data("thumbprint-trial: \(text)\n".utf8))
  }
}

/// A trial that could not be carried out.
struct TrialError: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}
