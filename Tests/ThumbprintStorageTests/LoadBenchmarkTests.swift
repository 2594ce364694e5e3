import Foundation
import Testing
import ThumbprintStorage

@Suite struct LoadBenchmarkTests {
  /// Runs tiny, so that it does not rot. `THUMBPRINT_LOAD_COUNT` gives another number of records.
  @Test func measuresALoad() throws {
    let environment = ProcessInfo.processInfo.environment
    let count = environment["THUMBPRINT_LOAD_COUNT"].flatMap { Int($0) } ?? 5_000
    let folder = TemporaryFolder()
    let report = try LoadBenchmark.run(
      directory: environment["THUMBPRINT_LOAD_FOLDER"] ?? folder.path, recordCount: count,
      repeatCount: 2)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    print(String(decoding: try encoder.encode(report), as: UTF8.self))
    #expect(report.recordCount == count && report.recordByteCount == 576)
    #expect(report.loads.count == 2 && report.plainSeconds.count == 3)
    #expect((report.plainSeconds + report.loads.map(\.seconds)).allSatisfy { $0 > 0 })
    // Other tests of this process write as well, so the bytes have no upper bound here.
    #expect(report.writtenPerRecordByte >= 1)
    #expect(report.fileByteCount >= count * report.recordByteCount)
    #expect(throws: StoreError.self) {
      try LoadBenchmark.run(directory: folder.path, recordCount: 0)
    }
    #expect(throws: StoreError.self) {
      try LoadBenchmark.run(directory: folder.path, recordCount: 1, repeatCount: 0)
    }
  }
}
