import Testing
import ThumbprintIndex
import ThumbprintTranslation
import ThumbprintWire

@Suite struct TranslationTests {
  @Test func whatIsAskedForComesBack() {
    for extent in [SearchQuery.Extent.nearest(7), .within(900)] {
      #expect(SearchQuery.Extent(WireExtent(extent)) == extent)
    }
    for promise in [SearchPromise.certified, .exact, .recall(0.9)] {
      #expect(SearchPromise(WirePromise(promise)) == promise)
    }
    for metric in SearchMetric.allCases { #expect(SearchMetric(WireMetric(metric)) == metric) }
  }

  /// Every property has another value, so one that is forgotten, or taken for another, is seen.
  @Test func everyPropertyOfACertificateComesBack() {
    var certificate = SearchCertificate()
    certificate.missProbability = 0.25
    certificate.predictedNanoseconds = 0.5
    certificate.radius = 1
    certificate.rowCount = 2
    certificate.codesCompared = 3
    certificate.sketchesRead = 4
    certificate.bucketsProbed = 5
    certificate.postingsRead = 6
    certificate.excludedByTables = 7
    certificate.excludedBySketches = 8
    certificate.excludedByClusters = 9
    for (number, arm) in SearchArm.allCases.enumerated() { certificate.arms[arm] = 10 + number }
    let untouched = Mirror(reflecting: SearchCertificate()).children.map { "\($0.value)" }
    for (old, child) in zip(untouched, Mirror(reflecting: certificate).children) {
      #expect("\(child.value)" != old, "\(child.label ?? ""): this test has to set it")
    }
    #expect(SearchCertificate(WireCertificate(certificate)) == certificate)
  }
}
