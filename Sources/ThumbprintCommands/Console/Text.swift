/// Numbers and tables as people read them. Pure, the same on every machine and in every locale.
package enum Text {
  /// Groups of three: `1,234,567`.
  package static func grouped(_ number: some BinaryInteger) -> String {
    let digits = String(number.magnitude)
    var result = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { result.append(",") }
      result.append(digit)
    }
    return (number < 0 ? "-" : "") + result
  }

  /// "1 record", "2 records", "1,000 records".
  package static func count(_ number: Int, _ noun: String, plural: String? = nil) -> String {
    "\(grouped(number)) \(number == 1 ? noun : plural ?? noun + "s")"
  }

  /// A fixed number of decimals, rounded half away from zero: `fixed(1.25, 1)` is `1.3`.
  package static func fixed(_ number: Double, _ decimals: Int) -> String {
    guard number.isFinite else { return "-" }
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let scaled = (number.magnitude * scale).rounded()
    guard scaled < 1e15 else { return String(number) }
    let sign = number < 0 && scaled > 0 ? "-" : ""
    let whole = Int(scaled)
    guard decimals > 0 else { return sign + String(whole) }
    let fraction = String(whole % Int(scale))
    let zeros = String(repeating: "0", count: decimals - fraction.count)
    return "\(sign)\(whole / Int(scale)).\(zeros)\(fraction)"
  }

  /// Three figures that matter: `0.0123`, `1.23`, `12.3`, `1,234`.
  package static func short(_ number: Double) -> String {
    switch number.magnitude {
    case ..<1e-4: number == 0 ? "0" : scientific(number)
    case ..<0.01: fixed(number, 5)
    case ..<0.1: fixed(number, 4)
    case ..<1: fixed(number, 3)
    case ..<10: fixed(number, 2)
    case ..<100: fixed(number, 1)
    case ..<1e15: grouped(Int(number.rounded()))
    default: scientific(number)
    }
  }

  /// `1e-9`, `2.5e-12`.
  package static func scientific(_ number: Double) -> String {
    guard number != 0, number.isFinite else { return number == 0 ? "0" : "-" }
    var exponent = 0
    var mantissa = number.magnitude
    while mantissa >= 9.95 {
      mantissa /= 10
      exponent += 1
    }
    while mantissa < 0.995 {
      mantissa *= 10
      exponent -= 1
    }
    let digits = fixed(mantissa, 1)
    let short = digits.hasSuffix(".0") ? String(digits.dropLast(2)) : digits
    return "\(number < 0 ? "-" : "")\(short)e\(exponent)"
  }

  /// A share of 1 as `12.5 %`.
  package static func percent(_ share: Double, decimals: Int = 1) -> String {
    fixed(share * 100, decimals) + " %"
  }

  /// Bytes with the largest binary unit that leaves at least 1: `512 B`, `1.5 KiB`, `3.2 GiB`.
  package static func bytes(_ count: some BinaryInteger) -> String { bytes(Double(count)) }

  /// The same of a number that need not be whole.
  package static func bytes(_ count: Double) -> String {
    var number = count
    guard number.magnitude >= 1024 else { return "\(fixed(count, 0)) B" }
    var unit = ""
    for next in ["KiB", "MiB", "GiB", "TiB", "PiB"] where number.magnitude >= 1024 {
      number /= 1024
      unit = next
    }
    return "\(fixed(number, 1)) \(unit)"
  }

  /// A duration in seconds as `0.4 ms`, `3.2 s`, `2 min 5 s`, `1 h 2 min`.
  package static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0 else { return "-" }
    if seconds < 1 { return "\(short(seconds * 1000)) ms" }
    if seconds < 59.95 { return "\(fixed(seconds, 1)) s" }
    let whole = Int(min(seconds.rounded(), 1e15))
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(grouped(whole / 3600)) h \(whole % 3600 / 60) min"
  }

  /// `text` with everything that could move a cursor or break a line made visible, so that a
  /// name from a stranger's dataset cannot draw on the terminal.
  package static func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: needsEscape) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      if needsEscape(scalar) {
        result += "\\u{\(String(scalar.value, radix: 16))}"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// `text` on one line: line breaks become spaces, other control characters visible.
  package static func oneLine(_ text: String) -> String {
    printable(
      text.split(whereSeparator: \.isNewline)
        .map { $0.trimmingPrefix(while: \.isWhitespace) }.joined(separator: " "))
  }

  private static func needsEscape(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    // The joiner draws nothing and holds many emoji together.
    case .format: scalar != "\u{200D}"
    case .control, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }
}
