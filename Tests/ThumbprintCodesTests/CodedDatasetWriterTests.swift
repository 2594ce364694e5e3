import Foundation
import Testing
import ThumbprintCodes
import ThumbprintTestKit

@Suite struct CodedDatasetWriterTests {
  @Test func rawMemoryAndRecordsMakeTheSameFiles() throws {
    let folder = try TemporaryFolder()
    let records = sampleRecords(count: 60, seed: 61)
    try writeDataset(records, to: folder.path("records"))
    let dataset = try CodedDataset(path: folder.path("records"))
    let writer = try CodedDatasetWriter(
      path: folder.path("copy"), coder: nil, createdBy: "tests")
    try dataset.forEachRow(in: 0..<60) {
      try writer.append(
        id: $0.id, feature: $0.feature, image: $0.image, name: $0.name, tags: $0.tags)
    }
    #expect(writer.count == 60)
    _ = try writer.finish()
    for name in try folder.names(in: "records") {
      #expect(try folder.bytes("copy/\(name)") == folder.bytes("records/\(name)"), "\(name)")
    }
  }

  @Test func refusesWhatIsThereAlready() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(
      atPath: folder.path("folder"), withIntermediateDirectories: false)
    try folder.write("", to: "file")
    let expected: [(String, CodedDatasetError.Code)] = [
      ("folder", .exists), ("folder/", .exists), ("file", .exists), ("absent/set", .notFound),
      ("file/set", .notFound),
    ]
    for (name, code) in expected {
      let error = fault { () throws(CodedDatasetError) in
        try CodedDatasetWriter(path: folder.path(name), coder: nil, createdBy: "tests")
      }
      #expect(error?.code == code, "\(name)")
      #expect(error?.path.contains("partial") == false)
    }
    #expect(try folder.names() == ["file", "folder"])
  }

  @Test func losesARaceForTheNameWithoutHarm() throws {
    let folder = try TemporaryFolder()
    let records = sampleRecords(count: 3, seed: 62)
    let slow = try CodedDatasetWriter(path: folder.path("set"), coder: nil, createdBy: "tests")
    try writeDataset(records, to: folder.path("set"))
    let error = fault { () throws(CodedDatasetError) in try slow.finish() }
    #expect(error?.code == .exists)
    #expect(try folder.names() == ["set"])
    #expect(try readAll(CodedDataset(path: folder.path("set"))) == records)
  }

  @Test func nothingHasTheNameBeforeTheEnd() throws {
    let folder = try TemporaryFolder()
    var writer: CodedDatasetWriter? = try CodedDatasetWriter(
      path: folder.path("set"), coder: nil, createdBy: "tests")
    try writer?.append(sampleRecords(count: 2, seed: 63)[1])
    #expect(try folder.names().allSatisfy { $0.hasPrefix("set.partial-") })
    writer = nil
    #expect(try folder.names() == [])
    let other = try CodedDatasetWriter(path: folder.path("set"), coder: nil, createdBy: "tests")
    other.abandon()
    other.abandon()
    #expect(try folder.names() == [])
  }

  @Test func aRecordAboveItsBoundsIsRefusedAndTheRestGoesOn() throws {
    let folder = try TemporaryFolder()
    let good = sampleRecords(count: 4, seed: 64)
    let writer = try CodedDatasetWriter(path: folder.path("set"), coder: nil, createdBy: "tests")
    func refuse(_ code: CodedDatasetError.Code, _ change: (inout Record) -> Void) {
      var record = good[0]
      change(&record)
      let error = fault { () throws(CodedDatasetError) in try writer.append(record) }
      #expect(error?.code == code)
    }
    for record in good {
      refuse(.invalidName) { $0.name = String(repeating: "x", count: 1025) }
      refuse(.invalidTags) { $0.tags = ["": String(repeating: "x", count: 4096)] }
      try writer.append(record)
    }
    let codes = [UInt8](repeating: 0, count: 512)
    for tags in [" {}", "{}", "{\"b\":\"1\",\"a\":\"2\"}", "[1]"] {
      let error = fault { () throws(CodedDatasetError) in
        try codes.span.withUnsafeBytes { codes throws(CodedDatasetError) in
          try Array(tags.utf8).span.withUnsafeBytes { tags throws(CodedDatasetError) in
            guard let base = codes.baseAddress else { return }
            try writer.append(id: ItemID(1), feature: base, image: base, tags: tags)
          }
        }
      }
      #expect(error?.code == .invalidTags)
    }
    #expect(try writer.finish().count == 4)
    let dataset = try CodedDataset(path: folder.path("set"))
    try dataset.verifyDigest()
    #expect(try readAll(dataset) == good)
  }

  @Test func aFullDiskIsAnErrorAndLeavesNothing() throws {
    let folder = try TemporaryFolder()
    let records = sampleRecords(count: 3000, seed: 65)
    for byteCount in [0, 1 << 20, 1_700_000, 1_800_000, 2_500_000] {
      try OutputFile.SystemCalls.$current.withValue(SmallDisk(byteCount: byteCount).systemCalls) {
        let writer = try CodedDatasetWriter(
          path: folder.path("set"), coder: nil, createdBy: "tests")
        let error = fault { () throws(CodedDatasetError) in
          for record in records { try writer.append(record) }
          return try writer.finish()
        }
        #expect(error?.code == .diskFull, "\(byteCount)")
        #expect(error?.path.hasPrefix(folder.path("set/")) == true)
        #expect(try folder.names() == [])
        let again = fault { () throws(CodedDatasetError) in try writer.append(records[0]) }
        #expect(again == error)
      }
    }
  }

  @Test func aFailedSyncIsAnErrorAndLeavesNothing() throws {
    let folder = try TemporaryFolder()
    var calls = OutputFile.SystemCalls()
    calls.sync = { _ in
      errno = EIO
      return -1
    }
    try OutputFile.SystemCalls.$current.withValue(calls) {
      let writer = try CodedDatasetWriter(path: folder.path("set"), coder: nil, createdBy: "tests")
      try writer.append(sampleRecords(count: 1, seed: 66)[0])
      let error = fault { () throws(CodedDatasetError) in try writer.finish() }
      #expect(error?.code == .io)
      #expect(try folder.names() == [])
    }
  }
}
