import Foundation
import Testing
import ThumbprintCodes

@Suite struct NumpyArrayTests {
  /// The elements of an array, whatever their width.
  private func values(_ array: NumpyArray) -> [UInt64] {
    let width = array.elementType.byteCount
    let bytes = array.elements
    return stride(from: 0, to: bytes.count, by: width).map { start in
      (0..<width).reduce(0) { $0 | UInt64(bytes[start + $1]) << (8 * UInt64($1)) }
    }
  }

  @Test(arguments: [1, 2, 3])
  func readsWhatNumpyWrites(version: Int) throws {
    let kinds: [(String, NumpyElementType, [Int])] = [
      ("u1", .uint8, [3, 4]), ("u2", .uint16, [2, 3]), ("u8", .uint64, [5]),
    ]
    for (name, type, shape) in kinds {
      let path = Fixtures.path("npy/v\(version)-\(name).npy")
      let array = try NumpyArray(path: path, access: .sequential)
      #expect(array.formatVersion == version)
      #expect(array.elementType == type)
      #expect(array.shape == shape)
      #expect(values(array) == (1...UInt64(shape.reduce(1, *))).map { $0 })
      #expect(array.rowCounts.rows == shape[0])
      #expect(array.rowCounts.bytes == shape.dropFirst().reduce(type.byteCount, *))
    }
  }

  @Test func emptyAndDimensionlessArraysAreArrays() throws {
    let empty = try NumpyArray(path: Fixtures.path("npy/v1-zero-rows.npy"))
    #expect(empty.shape == [0, 512])
    #expect(empty.elements.isEmpty)
    #expect(empty.rowCounts.rows == 0)
    #expect(empty.rowCounts.bytes == 512)
    let single = try NumpyArray(path: Fixtures.path("npy/v1-no-dimension.npy"))
    #expect(single.shape == [])
    #expect(values(single) == [7])
    #expect(single.rowCounts.rows == 1)
  }

  @Test(
    arguments: [
      ("fortran", .orderMismatch, "Fortran"), ("big-endian", .elementTypeMismatch, "'>u8'"),
      ("text", .elementTypeMismatch, "'<U2'"), ("structured", .malformed, "structured"),
    ] as [(String, CodedDatasetError.Code, String)])
  func refusesOtherArrays(name: String, code: CodedDatasetError.Code, mention: String) {
    let error = fault { () throws(CodedDatasetError) in
      try NumpyArray(path: Fixtures.path("npy/\(name).npy"))
    }
    #expect(error?.code == code)
    #expect(error?.message.contains(mention) == true)
  }

  @Test func saysWhichTypeAndShapeItWants() {
    let path = Fixtures.path("npy/float.npy")
    let type = fault { () throws(CodedDatasetError) in
      try NumpyArray(path: path, expecting: [.uint64, .int64], shape: [nil])
    }
    #expect(type?.code == .elementTypeMismatch)
    #expect(type?.message == "expected elements of type uint64 or int64, found float32")
    for shape in [[nil, 4], [4], [nil, nil, nil], []] as [[Int?]] {
      let error = fault { () throws(CodedDatasetError) in
        try NumpyArray(
          path: Fixtures.path("npy/v1-u1.npy"), expecting: [.uint8], shape: shape + [5])
      }
      #expect(error?.code == .shapeMismatch)
      #expect(error?.message.hasSuffix("found (3, 4)") == true)
    }
  }

  @Test func refusesWhatIsNoFile() throws {
    let folder = try TemporaryFolder()
    #expect(mkfifo(folder.path("pipe"), 0o600) == 0)
    let expected: [(String, CodedDatasetError.Code)] = [
      (folder.path("absent"), .notFound), (folder.path, .notAFile),
      (folder.path("pipe"), .notAFile), ("/dev/null", .notAFile),
      (try folder.write("", to: "empty"), .truncated),
      (try folder.write("hello, this is text", to: "text"), .malformed),
      (try folder.write("\u{93}NUMPY", to: "utf8"), .malformed),
      (folder.path("text/inside"), .notFound),
    ]
    for (path, code) in expected {
      let error = fault { () throws(CodedDatasetError) in try NumpyArray(path: path) }
      #expect(error?.code == code, "\(path)")
      #expect(error?.path == path)
    }
  }

  @Test func refusesOneByteTooFewOrTooMany() throws {
    let folder = try TemporaryFolder()
    let bytes = try Fixtures.bytes("npy/v1-u1.npy")
    let short = try folder.write(Array(bytes.dropLast()), to: "short.npy")
    let long = try folder.write(bytes + [0], to: "long.npy")
    let cut = fault { () throws(CodedDatasetError) in try NumpyArray(path: short) }
    #expect(cut?.code == .truncated)
    #expect(cut?.message.contains("expected 12 bytes") == true)
    #expect(cut?.message.contains("found 11") == true)
    let more = fault { () throws(CodedDatasetError) in try NumpyArray(path: long) }
    #expect(more?.code == .trailingBytes)
    #expect(more?.message.contains("found 1 more") == true)
  }

  /// A file with the given dictionary and that many zero bytes of data.
  private func file(_ dictionary: String, version: UInt8 = 1, dataByteCount: Int = 0) -> [UInt8] {
    let count = dictionary.utf8.count
    let length = [UInt8(count & 0xFF), UInt8(count >> 8)] + (version == 1 ? [] : [0, 0])
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + Array(dictionary.utf8)
      + [UInt8](repeating: 0, count: dataByteCount)
  }

  private func parse(_ bytes: [UInt8]) -> Result<NumpyHeader, NumpyHeader.Fault> {
    bytes.withUnsafeBytes { bytes in
      do throws(NumpyHeader.Fault) {
        return .success(try NumpyHeader(parsing: bytes))
      } catch {
        return .failure(error)
      }
    }
  }

  @Test(arguments: [
    "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3)}",
    "{'shape':(2,3,),'fortran_order':False,'descr':'|u1',}",
    "\n {\t\"fortran_order\" : False , \"descr\":'|u1',\n'shape' : ( 2 , 3 , ) , } \n\n",
  ])
  func acceptsTheFreedomsOfOtherWriters(dictionary: String) throws {
    for version: UInt8 in 1...3 {
      let header = try parse(file(dictionary, version: version)).get()
      #expect(header.descriptor == "|u1")
      #expect(header.shape == [2, 3])
      #expect(!header.isFortranOrder)
    }
  }

  @Test(arguments: [
    "", "{", "{}", "()", "{'descr': '|u1'}", "{'descr': '|u1', 'fortran_order': False}",
    "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': ()}",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (), 'more': 1}",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (5)}",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (-5,)}",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (0x5,)}",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (05,)}",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (5L,)}",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (5.0,)}",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (,)}",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (1 2)}",
    "{'descr': '|u1', 'fortran_order': False, 'shape': [5]}",
    "{'descr': '|u1', 'fortran_order': False, 'shape': 5}",
    "{'descr': '|u1', 'fortran_order': 0, 'shape': (5,)}",
    "{'descr': '|u1', 'fortran_order': Falsehood, 'shape': (5,)}",
    "{'descr': '|\\x751', 'fortran_order': False, 'shape': (5,)}",
    "{'descr': '|u1, 'fortran_order': False, 'shape': (5,)}",
    "{'descr': '|é1', 'fortran_order': False, 'shape': (5,)}",
    "{'descr': '|u1' 'fortran_order': False, 'shape': (5,)}",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (5,),,}",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (5,)}}",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (5,)} # comment",
    "{'descr': '|u1', 'fortran_order': False, 'shape': (5,)",
  ])
  func refusesDictionariesThatBreakTheRules(dictionary: String) {
    guard case .failure(let fault) = parse(file(dictionary)) else {
      Issue.record("accepted \(dictionary)")
      return
    }
    #expect(fault.code == .malformed)
  }

  @Test func refusesSizesThatCannotBe() throws {
    let folder = try TemporaryFolder()
    func refuse(_ shape: String, _ code: CodedDatasetError.Code, type: String = "|u1") throws {
      let dictionary = "{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape)}"
      let path = try folder.write(file(dictionary), to: "lie.npy")
      let error = fault { () throws(CodedDatasetError) in try NumpyArray(path: path) }
      #expect(error?.code == code, "\(shape)")
    }
    try refuse("(9223372036854775807, 2)", .tooLarge)
    try refuse("(4611686018427387904, 1)", .tooLarge, type: "<u8")
    try refuse("(4294967296, 4294967296, 4294967296)", .tooLarge)
    try refuse("(9223372036854775808,)", .tooLarge)
    try refuse("(99999999999999999999999999,)", .tooLarge)
    try refuse("(" + String(repeating: "1, ", count: 65) + ")", .tooLarge)
    try refuse("(9223372036854775807,)", .truncated)
    // Nothing times something huge is nothing.
    let dictionary =
      "{'descr': '|u1', 'fortran_order': False, 'shape': (9223372036854775807, 0, 4294967296)}"
    let empty = try NumpyArray(path: try folder.write(file(dictionary), to: "empty.npy"))
    #expect(empty.elements.isEmpty)
    #expect(empty.rowCounts.rows == Int.max)
    #expect(empty.rowCounts.bytes == 0)
  }

  @Test func refusesHeadersThatLieAboutTheirLength() throws {
    var bytes = try Fixtures.bytes("npy/v2-u1.npy")
    bytes.replaceSubrange(8..<12, with: [0xFF, 0xFF, 0xFF, 0xFF])
    guard case .failure(let huge) = parse(bytes) else {
      Issue.record("accepted a header of 4 GiB")
      return
    }
    #expect(huge.code == .tooLarge)
    bytes.replaceSubrange(8..<12, with: [0x00, 0xFF, 0, 0])
    guard case .failure(let long) = parse(bytes) else {
      Issue.record("accepted a header beyond the end")
      return
    }
    #expect(long.code == .truncated)
    for version: [UInt8] in [[0, 0], [4, 0], [1, 1], [255, 255]] {
      bytes.replaceSubrange(6..<8, with: version)
      guard case .failure(let other) = parse(bytes) else {
        Issue.record("accepted version \(version)")
        return
      }
      #expect(other.code == .unsupportedVersion)
    }
  }

  @Test func oneByteTypesHaveNoByteOrder() throws {
    let folder = try TemporaryFolder()
    for (descriptor, type) in [
      ("<u1", .uint8), (">u1", .uint8), ("|i1", .int8), (">b1", .bool),
    ] as [(String, NumpyElementType)] {
      let dictionary = "{'descr': '\(descriptor)', 'fortran_order': False, 'shape': (5,)}"
      let path = try folder.write(file(dictionary, dataByteCount: 5), to: "a.npy")
      #expect(try NumpyArray(path: path).elementType == type)
    }
    for descriptor in ["u1", "=u1", "u8", "|u8", "=u8", "<u3", "O", "|O", "|V8", "<c8", ""] {
      let dictionary = "{'descr': '\(descriptor)', 'fortran_order': False, 'shape': (5,)}"
      let path = try folder.write(file(dictionary, dataByteCount: 5), to: "a.npy")
      let error = fault { () throws(CodedDatasetError) in try NumpyArray(path: path) }
      #expect(error?.code == .elementTypeMismatch, "\(descriptor)")
    }
  }
}

extension NumpyArray {
  /// A copy of the elements.
  var elements: [UInt8] { withUnsafeBytes { Array($0) } }
  /// How many rows there are, of how many bytes.
  var rowCounts: (rows: Int, bytes: Int) { withUnsafeRows { ($0.count, $0.rowByteCount) } }
}
