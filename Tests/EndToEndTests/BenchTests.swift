import Foundation
import Testing
import ThumbprintCodes

/// Every benchmark runs here once, small, so that none rots.
@Suite struct BenchTests {
  @Test func searchReportsWhatItsContractNames() throws {
    let sandbox = try Sandbox()
    try sandbox.succeed(
      "bench", "generate", "planted", "--count", "6000", "--seed", "3", "--out", "data",
      "--queries", "q.npy", "--query-count", "20")
    var checksums: Set<String> = []
    for (promise, tables) in [("certified", 128), ("certified", 0), ("exact", 64)] {
      let report = try sandbox.succeed(
        "bench", "search", "--features", "data/features.npy", "--queries", "q.npy", "-k", "4",
        "--promise", promise, "--tables", "\(tables)", "--threads", "2", "--evict", "--json"
      ).json([String: Any].self)
      #expect(
        Set(report.keys) == [
          "rows", "queryCount", "k", "promise", "tables", "buildSeconds", "buildCPUSeconds",
          "indexBytesPerCode", "single", "batch", "flat", "checksum",
        ])
      let single = try #require(report["single"] as? [String: Any])
      #expect(
        Set(single.keys) == [
          "medianMs", "p95Ms", "meanMs", "recall", "candidates", "perQueryMs", "perQueryRecall",
        ])
      #expect((single["perQueryRecall"] as? [Double])?.count == 20)
      #expect(single["recall"] as? Double == 1)
      let batch = try #require(report["batch"] as? [String: Any])
      #expect(Set(batch.keys) == ["msPerQuery", "recall"] && batch["recall"] as? Double == 1)
      checksums.insert(try #require(report["checksum"] as? String))
    }
    #expect(checksums.count == 1, "the same answers, whatever the way to them")
    let text = try sandbox.succeed(
      "bench", "search", "--features", "data/features.npy", "--queries", "q.npy", "--mode",
      "single", "--within", "700")
    #expect(text.output.contains("recall") && text.output.contains("flat"))
  }

  @Test func generatedDatasetsDependOnTheSeedAlone() throws {
    let sandbox = try Sandbox()
    for (name, seed) in [("a", "5"), ("b", "5"), ("c", "6")] {
      try sandbox.succeed(
        "bench", "generate", "planted", "--count", "300", "--seed", seed, "--out", name, "-q")
    }
    #expect(try sandbox.digest(ofDataset: "a") == sandbox.digest(ofDataset: "b"))
    #expect(try sandbox.digest(ofDataset: "a") != sandbox.digest(ofDataset: "c"))
    try sandbox.fail(
      64, "a: there is something already", "bench", "generate", "planted", "--count", "1", "--out",
      "a")
  }
}
