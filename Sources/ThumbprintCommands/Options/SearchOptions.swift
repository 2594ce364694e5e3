import ArgumentParser
import ThumbprintIndex

/// What a search must get.
struct SearchOptions: ParsableArguments {
  @Option(
    name: .customShort("k"),
    help: ArgumentHelp(
      "How many nearest records, 1 to \(SearchLimits.nearestCountMax), of 'similar' one fewer (default: \(Self.standardCount)).",
      valueName: "count"))
  var count: Int?

  @Option(
    help: ArgumentHelp(
      "Everything at this distance or nearer, in bits, instead of the k nearest.",
      valueName: "bits"))
  var within: Int?

  @Option(
    help: ArgumentHelp(
      "Nothing farther than this, in bits. Makes queries with nothing near cheaper.",
      valueName: "bits"))
  var maxDistance: Int?

  @Option(
    help: ArgumentHelp(
      "certified (wrong with a chance of at most 1e-9), exact, or recall=X with 0 < X < 1.",
      valueName: "promise"),
    completion: .list(["certified", "exact", "recall=0.99"]))
  var promise = "certified"

  @Option(
    help: ArgumentHelp(
      "feature (\(SearchMetric.feature.distanceMax) bits) or combined (with the image code: \(SearchMetric.combined.distanceMax) bits).",
      valueName: "metric"),
    completion: .list(SearchMetric.allCases.map(\.rawValue)))
  var metric = SearchMetric.feature.rawValue

  static let standardCount = 10

  mutating func validate() throws {
    do { _ = try terms } catch let error as CommandError { throw ValidationError(error) }
  }

  /// The flags as values, checked.
  var terms: SearchTerms {
    get throws {
      guard let metric = SearchMetric(rawValue: metric) else {
        throw CommandError.flag(
          "--metric",
          "'\(metric)' is not \(SearchMetric.allCases.map(\.rawValue).joined(separator: " or "))")
      }
      let extent: SearchQuery.Extent
      if let within {
        guard count == nil else {
          throw CommandError.flag("--within", "cannot be given together with -k")
        }
        try Self.check(within, of: "--within", metric: metric)
        extent = .within(within)
      } else {
        let k = count ?? Self.standardCount
        guard (1...SearchLimits.nearestCountMax).contains(k) else {
          throw CommandError.flag("-k", "\(k) is not in 1...\(SearchLimits.nearestCountMax)")
        }
        extent = .nearest(k)
      }
      if let maxDistance { try Self.check(maxDistance, of: "--max-distance", metric: metric) }
      return SearchTerms(
        extent: extent, distanceMax: maxDistance, promise: try SearchPromise(flag: promise),
        metric: metric)
    }
  }

  private static func check(_ distance: Int, of flag: String, metric: SearchMetric) throws {
    guard (0...metric.distanceMax).contains(distance) else {
      throw CommandError.flag(
        flag,
        "\(distance) is not in 0...\(metric.distanceMax), the bits that metric '\(metric.rawValue)' compares"
      )
    }
  }
}

/// Whether a cluster may answer without some of its shards.
struct PartialOptions: ParsableArguments {
  @Flag(
    help: "With --coordinator: answer even if some shards cannot be searched, and say which.")
  var allowPartial = false

  func check(_ place: PlaceOptions) throws {
    guard allowPartial, case .folder = try place.place else { return }
    throw CommandError.flag(
      "--allow-partial", "a store is searched as a whole, or not at all",
      hint: "give --coordinator HOST:PORT")
  }
}

/// What every query of one run must get.
struct SearchTerms: Sendable, Hashable {
  var extent: SearchQuery.Extent
  var distanceMax: Int?
  var promise: SearchPromise
  var metric: SearchMetric
}

extension SearchPromise {
  /// Reads a promise as the command line writes it.
  package init(flag text: String) throws {
    switch text {
    case "certified": self = .certified
    case "exact": self = .exact
    default:
      guard text.hasPrefix("recall=") else {
        throw CommandError.flag(
          "--promise", "'\(text)' is not certified, exact or recall=X",
          hint: "for example --promise recall=0.99")
      }
      let number = text.dropFirst("recall=".count)
      guard let share = Double(number), share > 0, share < 1 else {
        throw CommandError.flag(
          "--promise", "recall=\(number): X has to be above 0 and below 1",
          hint: "for all of the true answers, use --promise exact or certified")
      }
      self = .recall(share)
    }
  }

  /// As the command line writes it.
  package var flag: String {
    switch self {
    case .certified: "certified"
    case .exact: "exact"
    case .recall(let share): "recall=\(share)"
    }
  }
}
