import ThumbprintIndex
import ThumbprintWire

// What was proved about an answer, in both languages: a fact that one of them learns to say has to
// be added to the other, and here.

extension WireCertificate {
  /// What a search proved, as it travels.
  public init(_ certificate: SearchCertificate) {
    self.init()
    missProbability = certificate.missProbability
    radius = UInt64(certificate.radius)
    rowCount = UInt64(certificate.rowCount)
    codesCompared = UInt64(certificate.codesCompared)
    sketchesRead = UInt64(certificate.sketchesRead)
    bucketsProbed = UInt64(certificate.bucketsProbed)
    postingsRead = UInt64(certificate.postingsRead)
    excludedByTables = UInt64(certificate.excludedByTables)
    excludedBySketches = UInt64(certificate.excludedBySketches)
    excludedByClusters = UInt64(certificate.excludedByClusters)
    predictedNanoseconds = certificate.predictedNanoseconds
    segmentsByTables = UInt32(certificate.arms[.tables] ?? 0)
    segmentsBySketches = UInt32(certificate.arms[.sketches] ?? 0)
    segmentsByClusters = UInt32(certificate.arms[.clusters] ?? 0)
    segmentsByScan = UInt32(certificate.arms[.scan] ?? 0)
  }
}

extension SearchCertificate {
  /// What came over the network; its counts were found to be in the range of `Int` when it was
  /// decoded.
  public init(_ certificate: WireCertificate) {
    self.init()
    missProbability = certificate.missProbability
    radius = Int(certificate.radius)
    rowCount = Int(certificate.rowCount)
    codesCompared = Int(certificate.codesCompared)
    sketchesRead = Int(certificate.sketchesRead)
    bucketsProbed = Int(certificate.bucketsProbed)
    postingsRead = Int(certificate.postingsRead)
    excludedByTables = Int(certificate.excludedByTables)
    excludedBySketches = Int(certificate.excludedBySketches)
    excludedByClusters = Int(certificate.excludedByClusters)
    predictedNanoseconds = certificate.predictedNanoseconds
    let segments: [(SearchArm, UInt32)] = [
      (.tables, certificate.segmentsByTables), (.sketches, certificate.segmentsBySketches),
      (.clusters, certificate.segmentsByClusters), (.scan, certificate.segmentsByScan),
    ]
    for (arm, count) in segments where count > 0 { arms[arm] = Int(count) }
  }
}
