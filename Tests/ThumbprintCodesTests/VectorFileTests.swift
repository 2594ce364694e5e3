import Testing
import ThumbprintCodes
import ThumbprintTestKit

@Suite struct VectorFileTests {
  private func vector(_ dimension: Int32, _ bytes: [UInt8]) -> [UInt8] {
    withUnsafeBytes(of: dimension.littleEndian) { Array($0) } + bytes
  }

  private func fault(_ bytes: [UInt8]) throws -> CodedDatasetError? {
    let folder = try TemporaryFolder()
    let path = try folder.write(bytes, to: "a.bvecs")
    return ThumbprintCodesTests.fault { () throws(CodedDatasetError) in
      try CodedDataset(path: path)
    }
  }

  @Test func readsCodes() throws {
    let folder = try TemporaryFolder()
    var codes = CodeGenerator(seed: 51)
    let expected = (0..<40).map { _ in codes.feature() }
    let bytes = expected.flatMap { code in vector(512, code.withUnsafeBytes { Array($0) }) }
    let dataset = try CodedDataset(path: try folder.write(bytes, to: "a.bvecs"))
    #expect(dataset.count == 40)
    for row in 0..<40 {
      #expect(dataset.feature(at: row) == expected[row])
      #expect(dataset.id(at: row) == ItemID(UInt64(row)))
    }
    #expect(try readAll(dataset).map(\.feature) == expected)
    try dataset.validate()
    dataset.releaseMemory(of: 0..<40)
    dataset.withUnsafeColumns { #expect($0.features.contiguousBytes == nil) }
    #expect(dataset.feature(at: 39) == expected[39])
    #expect(try CodedDataset(path: try folder.write([], to: "none.bvecs")).count == 0)
  }

  @Test func namesTheVectorThatIsWrong() throws {
    let good = vector(512, [UInt8](repeating: 1, count: 512))
    for dimension: Int32 in [0, -1, 64, 511, 513, .max, .min, 512 << 16] {
      let bytes = vector(dimension, [UInt8](repeating: 1, count: 512))
      for (place, file) in [(0, bytes + good), (2, good + good + bytes)] {
        let error = try fault(file)
        #expect(error?.code == .shapeMismatch)
        #expect(error?.message.hasPrefix("vector \(place) has dimension \(dimension), ") == true)
      }
    }
    #expect(
      try fault(good + vector(128, [UInt8](repeating: 1, count: 128)))?.code == .shapeMismatch)
  }

  @Test func aCutAnywhereIsSeen() throws {
    let good = vector(512, [UInt8](repeating: 1, count: 512))
    let folder = try TemporaryFolder()
    for byteCount in 1..<2 * good.count where byteCount % good.count != 0 {
      let path = try folder.write(Array((good + good).prefix(byteCount)), to: "a.bvecs")
      let error = ThumbprintCodesTests.fault { () throws(CodedDatasetError) in
        try CodedDataset(path: path)
      }
      #expect(error?.code == .truncated)
      #expect(error?.message.hasPrefix("vector \(byteCount / 516) is cut short") == true)
    }
  }
}
