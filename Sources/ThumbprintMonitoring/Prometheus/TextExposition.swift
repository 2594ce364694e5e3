import ThumbprintServer

/// The text format of Prometheus, version 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats).
struct TextExposition {
  private(set) var text = ""

  /// Begins the series of a name.
  mutating func begin(_ name: String, kind: MetricDescription.Kind, help: String?) {
    if let help { text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n" }
    text += "# TYPE \(name) \(kind.rawValue)\n"
  }

  /// - Parameter labels: As ``labels(_:)`` writes them.
  mutating func add(_ name: String, _ labels: String, _ value: Double) {
    text += "\(name)\(labels) \(Self.number(value))\n"
  }

  /// `{name="value",…}`, or nothing.
  static func labels(_ dimensions: [(String, String)]) -> String {
    if dimensions.isEmpty { return "" }
    let pairs = dimensions.map { label, value in
      let value = value == "inf" ? "+Inf" : value
      return "\(name(label))=\"\(escaped(value, quotes: true))\""
    }
    return "{\(pairs.joined(separator: ","))}"
  }

  /// The name with `_` for what no name may have.
  static func name(_ text: String) -> String {
    let letters = text.unicodeScalars.map { scalar -> Character in
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", "_": Character(scalar)
      default: "_"
      }
    }
    guard let first = letters.first, !first.isNumber else { return "_" + String(letters) }
    return String(letters)
  }

  private static func escaped(_ text: String, quotes: Bool) -> String {
    var result = ""
    for character in text.unicodeScalars {
      switch character {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }

  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
    if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
    return "\(value)"
  }
}
