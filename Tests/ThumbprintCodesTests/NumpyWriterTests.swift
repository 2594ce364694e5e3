import Foundation
import Testing
import ThumbprintCodes

@Suite struct NumpyWriterTests {
  private func append(_ values: [some FixedWidthInteger], to writer: NumpyWriter) throws {
    try values.map(\.littleEndian).withUnsafeBytes { try writer.append(rows: $0) }
  }

  /// The fixtures were written by NumPy itself.
  @Test func bytesEqualThoseOfNumpy() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("a.npy")

    let bytes = try NumpyWriter(path: path, elementType: .uint8, rowShape: [4])
    for row: UInt8 in 0..<3 { try append((1...4).map { row * 4 + $0 }, to: bytes) }
    try bytes.finish()
    #expect(try folder.bytes("a.npy") == Fixtures.bytes("npy/v1-u1.npy"))

    let pairs = try NumpyWriter(path: path, elementType: .uint16, rowShape: [3])
    try append((1...6).map { UInt16($0) }, to: pairs)
    try pairs.finish()
    #expect(try folder.bytes("a.npy") == Fixtures.bytes("npy/v1-u2.npy"))

    let numbers = try NumpyWriter(path: path, elementType: .uint64)
    for value: UInt64 in 1...5 { try append([value], to: numbers) }
    try numbers.finish()
    #expect(try folder.bytes("a.npy") == Fixtures.bytes("npy/v1-u8.npy"))

    let none = try NumpyWriter(path: path, elementType: .uint8, rowShape: [512])
    try none.finish()
    #expect(try folder.bytes("a.npy") == Fixtures.bytes("npy/v1-zero-rows.npy"))

    let codes = try NumpyWriter(path: path, elementType: .uint8, rowShape: [512])
    try append((1...1024).map { UInt8(truncatingIfNeeded: $0) }, to: codes)
    try codes.finish()
    #expect(try folder.bytes("a.npy") == Fixtures.bytes("npy/v1-features.npy"))
    #expect(try folder.names() == ["a.npy"])
  }

  @Test func readsBackWhatItWroteInChunksOfAnySize() throws {
    let folder = try TemporaryFolder()
    let seed: UInt64 = 21
    var random = SplitMix64(seed: seed)
    for type in NumpyElementType.allCases {
      let path = folder.path("\(type).npy")
      let rowShape = [3, 5]
      let rowByteCount = 15 * type.byteCount
      let writer = try NumpyWriter(path: path, elementType: type, rowShape: rowShape)
      var expected: [UInt8] = []
      for _ in 0..<20 {
        let rows = Int.random(in: 0...40, using: &random)
        let chunk = (0..<rows * rowByteCount).map { _ in UInt8.random(in: 0...255, using: &random) }
        expected += chunk
        try chunk.withUnsafeBytes { try writer.append(rows: $0) }
      }
      #expect(writer.rowCount == expected.count / rowByteCount)
      try writer.finish()
      let array = try NumpyArray(path: path, expecting: [type], shape: [nil, 3, 5])
      #expect(array.elements == expected, "seed=\(seed) \(type)")
      #expect(array.rowCount == writer.rowCount)
    }
  }

  @Test func nothingHasTheNameBeforeTheEnd() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("old", to: "a.npy")
    var writer: NumpyWriter? = try NumpyWriter(path: path, elementType: .uint8)
    try append([UInt8](repeating: 1, count: 3 << 20), to: #require(writer))
    #expect(try folder.bytes("a.npy") == Array("old".utf8))
    #expect(try folder.names().count == 2)
    writer = nil
    #expect(try folder.names() == ["a.npy"])
    let other = try NumpyWriter(path: path, elementType: .uint8)
    other.abandon()
    #expect(try folder.names() == ["a.npy"])
    try NumpyWriter(path: path, elementType: .uint8).finish()
    #expect(try NumpyArray(path: path).shape == [0])
    #expect(try folder.names() == ["a.npy"])
  }

  @Test func aFullDiskIsAnErrorAndLeavesNothing() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("a.npy")
    let rows = [UInt8](repeating: 7, count: 512 * 64)
    for byteCount in [0, 100, 128, 1 << 20, 3_000_000] {
      try OutputFile.SystemCalls.$current.withValue(SmallDisk(byteCount: byteCount).systemCalls) {
        let writer = try NumpyWriter(path: path, elementType: .uint8, rowShape: [512])
        let error = fault { () throws(CodedDatasetError) in
          for _ in 0..<200 {
            try rows.span.withUnsafeBytes { bytes throws(CodedDatasetError) in
              try writer.append(rows: bytes)
            }
          }
          try writer.finish()
        }
        #expect(error?.code == .diskFull, "\(byteCount)")
        #expect(error?.path == path)
        #expect(try folder.names() == [])
        let again = fault { () throws(CodedDatasetError) in try writer.finish() }
        #expect(again == error)
      }
    }
  }

  @Test func aDiskThatIsLargeEnoughTakesAllDespiteInterruptions() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("a.npy")
    let rows = (0..<512 * 5000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try OutputFile.SystemCalls.$current.withValue(SmallDisk(byteCount: 1 << 30).systemCalls) {
      let writer = try NumpyWriter(path: path, elementType: .uint8, rowShape: [512])
      for start in stride(from: 0, to: rows.count, by: 512 * 100) {
        try append(Array(rows[start..<start + 512 * 100]), to: writer)
      }
      try writer.finish()
    }
    #expect(try NumpyArray(path: path).elements == rows)
  }

  @Test func aFailedSyncIsAnError() throws {
    let folder = try TemporaryFolder()
    var calls = OutputFile.SystemCalls()
    calls.sync = { _ in
      errno = EIO
      return -1
    }
    try OutputFile.SystemCalls.$current.withValue(calls) {
      let writer = try NumpyWriter(path: folder.path("a.npy"), elementType: .uint8)
      let error = fault { () throws(CodedDatasetError) in try writer.finish() }
      #expect(error?.code == .io)
      #expect(try folder.names() == [])
    }
  }

  @Test func placesThatCannotBeWrittenAreErrors() throws {
    let folder = try TemporaryFolder()
    try folder.write("", to: "file")
    for path in [folder.path("absent/a.npy"), folder.path("file/a.npy")] {
      let error = fault { () throws(CodedDatasetError) in
        try NumpyWriter(path: path, elementType: .uint8)
      }
      #expect(error?.code == .notFound)
      #expect(error?.path == path)
    }
  }
}
