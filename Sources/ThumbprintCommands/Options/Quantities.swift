import ArgumentParser

/// A whole number as people write large ones: `1000000000`, `1e9`, `2.5M`, `1G`.
package struct CountArgument: ExpressibleByArgument, Sendable, Hashable {
  package var count: Int

  package init(count: Int) { self.count = count }

  package var defaultValueDescription: String { String(count) }

  private static let units: [Character: Double] = ["k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12]

  package init?(argument: String) {
    // Digits alone, for a number beyond 2^53 is not one of Double.
    if argument.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(argument) {
      self.count = count
      return
    }
    guard let number = Quantity.number(argument, units: Self.units), number == number.rounded(),
      let count = Int(exactly: number)
    else { return nil }
    self.count = count
  }
}

/// A number of things in a second: `250`, `0.5`, `10k`.
package struct RateArgument: ExpressibleByArgument, Sendable, Hashable {
  package var perSecond: Double

  package init?(argument: String) {
    guard let number = Quantity.number(argument, units: ["k": 1e3, "M": 1e6]) else { return nil }
    perSecond = number
  }
}

/// A time with its unit: `20ms`, `0.5s`, `300us`.
package struct TimeArgument: ExpressibleByArgument, Sendable, Hashable {
  package var seconds: Double

  package init?(argument: String) {
    let units: [(name: String, perSecond: Double)] = [("us", 1e6), ("ms", 1e3), ("s", 1)]
    guard let unit = units.first(where: { argument.hasSuffix($0.name) }),
      let number = Quantity.number(String(argument.dropLast(unit.name.count)), units: [:])
    else { return nil }
    seconds = number / unit.perSecond
  }
}

private enum Quantity {
  /// Digits with perhaps a point and an exponent, then perhaps a unit; `nil` for anything else that
  /// the library would read: signs, hexadecimal digits, "nan".
  static func number(_ text: String, units: [Character: Double]) -> Double? {
    let unit = text.last.flatMap { units[$0] }
    let digits = unit == nil ? text[...] : text.dropLast()
    guard digits.wholeMatch(of: /[0-9]{1,20}(\.[0-9]{1,20})?([eE][0-9]{1,2})?/) != nil,
      let number = Double(digits)
    else { return nil }
    return number * (unit ?? 1)
  }
}
