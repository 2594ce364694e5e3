import ThumbprintIndex

/// Certificates in words.
package enum CertificateText {
  /// One line that says what was proved and what it took.
  package static func sentence(_ certificate: SearchCertificate, promise: SearchPromise) -> String {
    let rows = Text.count(certificate.rowCount, "record")
    let proof =
      switch promise {
      case .exact: "exact: the same answer as comparing all \(rows)"
      case .certified where certificate.missProbability == 0:
        "certified: exact, the same answer as comparing all \(rows)"
      case .certified:
        "certified: the true answer among \(rows), but for a chance of "
          + Text.scientific(certificate.missProbability)
      case .recall(let share):
        "recall: aimed at \(Text.percent(share)) of the true answers among \(rows), on average"
      }
    return "\(proof); \(Text.count(certificate.codesCompared, "full comparison"))"
  }

  /// Every field, with what it means.
  package static func lines(
    _ certificate: SearchCertificate, promise: SearchPromise, seconds: Double?
  ) -> [String] {
    let arms = SearchArm.allCases.compactMap { arm in
      certificate.arms[arm].map { "\(arm.rawValue) in \(Text.count($0, "segment"))" }
    }
    var facts: [(String, String)] = [
      ("records covered", Text.grouped(certificate.rowCount)),
      ("chance of a miss", Text.scientific(certificate.missProbability)),
      (
        "radius proved",
        promise.provesRadius
          ? "\(Text.grouped(certificate.radius)) bits: all nearer records are here"
          : "none: a recall is aimed at, not proved"
      ),
      ("searched by", arms.isEmpty ? "full scan" : arms.joined(separator: ", ")),
      ("full comparisons", Text.grouped(certificate.codesCompared)),
      ("sketches read", Text.grouped(certificate.sketchesRead)),
      (
        "hash buckets probed",
        "\(Text.grouped(certificate.bucketsProbed)), \(Text.count(certificate.postingsRead, "entry", plural: "entries")) read"
      ),
      ("excluded by hash tables", Text.grouped(certificate.excludedByTables)),
      ("excluded by sketches", Text.grouped(certificate.excludedBySketches)),
      ("excluded by clusters", Text.grouped(certificate.excludedByClusters)),
      ("time predicted", Text.duration(certificate.predictedNanoseconds / 1e9)),
    ]
    if let seconds {
      facts.append(("time taken", Text.duration(seconds) + ", with opening what was not in use"))
    }
    let width = facts.reduce(0) { max($0, $1.0.count) }
    return facts.map { name, value in
      "  \(name)\(String(repeating: " ", count: width - name.count))  \(value)"
    }
  }
}
