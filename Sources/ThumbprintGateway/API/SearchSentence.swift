import Foundation
import ThumbprintWire

/// What a certificate proves, for people.
package enum SearchSentence {
  /// - Parameters:
  ///   - matchCount: Of the answer.
  ///   - isComplete: Whether all shards answered.
  package static func text(
    _ certificate: WireCertificate, of search: SearchRequest, matchCount: Int, isComplete: Bool
  ) -> String {
    let count = grouped(certificate.rowCount)
    let records = isComplete ? "all \(count) records" : "the \(count) records that were searched"
    let radius = radius(of: search, matchCount: matchCount)
    let claim =
      switch (radius, matchCount) {
      case (let radius?, 0): "nothing is within \(bits(radius)) among \(records)"
      case (let radius?, _): "these are the ones within \(bits(radius)) among \(records)"
      case (nil, 0): "there are no records"
      case (nil, _): "these are the nearest of \(records)"
      }
    let proof =
      switch search.promise {
      case .exact: "Exact: \(claim)."
      case .certified where certificate.missProbability == 0: "Certified exact: \(claim)."
      case .certified:
        "Certified: \(claim); the chance that \(radius == nil ? "a nearer one" : "one") was missed "
          + "is \(chance(certificate.missProbability))."
      case .recall(let share):
        "Aimed at \(grouped(share * 100)) % of "
          + (radius.map { "those within \(bits($0)) among \(records)" }
            ?? "the nearest of \(records)")
          + ", on average."
      }
    let work =
      certificate.codesCompared < certificate.rowCount
      ? " Only \(grouped(certificate.codesCompared)) codes had to be compared bit by bit." : ""
    let lack = isComplete ? "" : " Nothing is known of those in the shards that did not answer."
    return proof + work + lack
  }

  /// The bits within which everything was asked for, or is there because no more than that was found.
  private static func radius(of search: SearchRequest, matchCount: Int) -> Int? {
    switch search.extent {
    case .within(let radius): min(radius, search.distanceMax)
    case .nearest(let count):
      matchCount < count && search.distanceMax < search.metric.distanceMax
        ? search.distanceMax : nil
    }
  }

  private static func bits(_ count: Int) -> String {
    count == 1 ? "1 bit" : "\(grouped(UInt64(max(0, count)))) bits"
  }

  private static func grouped(_ number: UInt64) -> String {
    number.formatted(IntegerFormatStyle<UInt64>(locale: Locale(identifier: "en_US")))
  }

  private static func grouped(_ number: Double) -> String {
    number.formatted(FloatingPointFormatStyle<Double>(locale: Locale(identifier: "en_US")))
  }

  /// A small chance as people say it: at most one in so many.
  private static func chance(_ probability: Double) -> String {
    let units = [(1e18, "billion billion"), (1e9, "billion"), (1e6, "million"), (1e3, "thousand")]
    let times = 1 / probability
    guard let (unit, name) = units.first(where: { times >= $0.0 }) else {
      return "at most \(probability)"
    }
    if times >= 1e27 { return "practically none" }
    let count = UInt64(times / unit)
    return "at most 1 in \(count == 1 ? "a" : grouped(count)) \(name)"
  }
}
