import Foundation
import Testing
import ThumbprintNets

@Suite struct SafetensorsTests {
  static let spec = NetworkSpec(
    input: FeatureShape(channels: 1, height: 4, width: 4),
    layers: [
      .convolution(name: "c", channels: 2, kernel: 3), .batchNormalization(name: "n"),
      .fullyConnected(name: "f", channels: 3),
    ])

  @Test func whatIsWrittenIsRead() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/a.safetensors"
      let tensors = [
        ("zero", Tensor(shape: [2, 0, 3])), ("one", Tensor(shape: [], values: [-0.0])),
        (
          "a \"quoted\\\n\u{1}name\u{E9}",
          Tensor(shape: [2, 2], values: [1, .infinity, .nan, 0x1p-149])
        ),
      ]
      let metadata = ["format": "pt", "": "x\ty"]
      try SafetensorsWriter.write(tensors, metadata: metadata, to: path)
      let file = try SafetensorsFile(path: path)
      #expect(file.metadata == metadata)
      #expect(file.entries.map(\.name).sorted() == tensors.map(\.0).sorted())
      for (name, tensor) in tensors {
        let read = try file.tensor(name)
        #expect(read.shape == tensor.shape)
        #expect(read.values.map(\.bitPattern) == tensor.values.map(\.bitPattern))
      }
      let first = try Data(contentsOf: URL(fileURLWithPath: path))
      try SafetensorsWriter.write(tensors, metadata: metadata, to: path)
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == first)
      #expect(first[0] % 8 == 0)
    }
  }

  @Test func otherFloatTypesAreConverted() throws {
    var data: [UInt8] = []
    for half in [0x3C00, 0xC000, 0x0001, 0x7BFF, 0x8000, 0x7C00, 0x3555] as [UInt16] {
      data += [UInt8(half & 0xFF), UInt8(half >> 8)]
    }
    for brain in [0x3F80, 0xC049] as [UInt16] {
      data += [UInt8(brain & 0xFF), UInt8(brain >> 8)]
    }
    withUnsafeBytes(of: 0.1.bitPattern.littleEndian) { data += $0 }
    let header =
      #"{"h":{"dtype":"F16","shape":[7],"data_offsets":[0,14]},"#
      + #""b":{"data_offsets":[14,18],"shape":[2],"dtype":"BF16"},"#
      + #""d":{"dtype":"F64","shape":[1],"data_offsets":[18,26]}}"#
    try withFile(header: header, data: data) { path in
      let file = try SafetensorsFile(path: path)
      let halves: [Float] = [1, -2, 0x1p-24, 65504, -0.0, .infinity, 0.333251953125]
      #expect(try file.tensor("h").values == halves)
      #expect(try file.tensor("b").values == [1, -3.140625])
      #expect(try file.tensor("d").values == [0.1])
    }
  }

  static let entry = #""a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#

  @Test(arguments: [
    ("", "'{' expected"), ("[]", "'{' expected"), ("{", "'\"' expected"), ("{}x", "nothing more"),
    ("{}", "8 bytes follow"),
    ("{\(entry),\(entry)}", "'a' occurs twice"),
    (#"{"__metadata__":{},"__metadata__":{}}"#, "occurs twice"),
    (#"{"__metadata__":{"x":"1","x":"2"}}"#, "metadata key 'x' occurs twice"),
    (#"{"__metadata__":{"x":1}}"#, "'\"' expected"),
    (#"{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}"#, "unknown dtype 'F31'"),
    (#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, "make 12"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, "ends before"),
    (#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#, "ends at byte 16"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, "4 bytes follow"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, "after a gap"),
    (
      #"{\#(entry),"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, "inside the tensor"
    ),
    (#"{"a":{"dtype":"F32","shape":[2]}}"#, "lacks"),
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}"#, "lacks"),
    (#"{"a":{"dtype":"F32","shape":[2],"shape":[2]}}"#, "repeated key 'shape'"),
    (#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, "number"),
    (#"{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#, "']' expected"),
    (#"{"a":{"dtype":"F32","shape":[02],"data_offsets":[0,8]}}"#, "leading zero"),
    (#"{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}"#, "too large"),
    (
      #"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#, "overflows"
    ),
    (
      #"{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]}}"#,
      "at most 16"
    ),
    (#"{"a"#, "does not end"), (#"{"\x":{}}"#, "escape"), (#"{"\ud800":{}}"#, "surrogate"),
    (#"{"\udc00":{}}"#, "surrogate"), (#"{"\u12g4":{}}"#, "hexadecimal"),
    ("{\"a\u{1}\":{}}", "control"),
  ])
  func hostileHeadersAreRefused(_ header: String, _ reason: String) throws {
    try withFile(header: header, data: [UInt8](repeating: 0, count: 8)) { path in
      let error = try #require(throws: NetsError.self) { try SafetensorsFile(path: path) }
      #expect(error.code == .malformedFile && error.path == path)
      #expect(error.message.contains(reason), "\(error.message)")
      #expect(!error.description.contains("\n"))
    }
  }

  @Test(
    arguments: [
      ([], "0 bytes are too few"), ([1, 2, 3], "3 bytes are too few"),
      ([2, 0, 0, 0, 0, 0, 0, 0, 0x7B], "does not fit"),
      ([1, 0, 0, 1, 0, 0, 0, 0, 0x7B, 0x7D], "above the bound of 16777216"),
      ([255, 255, 255, 255, 255, 255, 255, 255, 0x7B, 0x7D], "above the bound"),
      ([4, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x22, 0xFF, 0x22], "not UTF-8"),
    ] as [([UInt8], String)])
  func hostileFilesAreRefused(_ bytes: [UInt8], _ reason: String) throws {
    try withTemporaryFolder { folder in
      let path = folder + "/x"
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      let error = try #require(throws: NetsError.self) { try SafetensorsFile(path: path) }
      #expect(error.code == .malformedFile)
      #expect(error.message.contains(reason), "\(error.message)")
    }
  }

  @Test func whatIsNoFileIsRefused() throws {
    try withTemporaryFolder { folder in
      for path in [folder, folder + "/none", "/dev/zero"] {
        let error = try #require(throws: NetsError.self) { try SafetensorsFile(path: path) }
        #expect(error.code == .io && error.path == path)
      }
      let error = try #require(throws: NetsError.self) {
        try SafetensorsWriter.write([], to: folder + "/none/x")
      }
      #expect(error.code == .io)
    }
  }

  @Test func weightsThatDoNotFitAreRefusedByName() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/w.safetensors"
      let network = try Network(Self.spec, seed: 1)
      let good = network.tensors(prefix: "m.")
      try SafetensorsWriter.write(good + [("extra", Tensor(shape: [1]))], to: path)
      var other = try Network(Self.spec, seed: 2)
      try other.load(from: SafetensorsFile(path: path), prefix: "m.")
      #expect(other.parameters == network.parameters)

      func refusal(_ tensors: [(name: String, tensor: Tensor)]) throws -> NetsError {
        try SafetensorsWriter.write(tensors, to: path)
        var changed = try Network(Self.spec, seed: 2)
        let before = changed.parameters
        let error = try #require(throws: NetsError.self) {
          try changed.load(from: SafetensorsFile(path: path), prefix: "m.")
        }
        #expect(changed.parameters == before && error.path == path)
        return error
      }
      let missing = try refusal(good.filter { !$0.name.hasPrefix("m.f") })
      #expect(missing.code == .missingTensor)
      #expect(missing.message.contains("'m.f.weight', and 1 more are missing"))
      var wrong = good
      wrong[0].tensor = Tensor(shape: [2, 1, 9])
      let shape = try refusal(wrong)
      #expect(shape.code == .wrongShape)
      #expect(shape.message.contains("'m.c.weight' has the shape [2, 1, 9], where [2, 1, 3, 3]"))
      wrong = good
      wrong[1].tensor.values[0] = .nan
      #expect(try refusal(wrong).message.contains("'m.c.bias' holds a value that is not"))
    }
  }

  @Test func otherElementTypesAreRefusedByName() throws {
    let header = #"{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#
    try withFile(header: header, data: [UInt8](repeating: 0, count: 8)) { path in
      let file = try SafetensorsFile(path: path)
      let error = try #require(throws: NetsError.self) { try file.tensor("a") }
      #expect(error.code == .wrongType && error.message.contains("I64"))
    }
  }

  /// Thousands of damaged files: each is refused with an error or read within its bounds, and a
  /// header that is accepted means to a general JSON reader what it means to ours.
  @Test func damagedFilesNeverCrash() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("damagedFilesNeverCrash seed=\(seed)")
    var random = NetRandom(seed)
    try withTemporaryFolder { folder in
      let path = folder + "/f.safetensors"
      try SafetensorsWriter.write(
        Network(Self.spec, seed: 1).tensors(), metadata: ["a": "b"], to: path)
      let good = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
      let goodEnd = headerEnd(good)
      let alphabet = [UInt8](#"{}[]",:\0123456789-eFI6_"#.utf8) + [0, 0x20, 0xFF]
      var accepted = 0
      for _ in 0..<4_000 {
        var bytes = good
        for _ in 0...random.integer(below: 3) {
          let place = random.integer(below: min(bytes.count, goodEnd + 8))
          switch random.integer(below: 5) {
          case 0: bytes[place] ^= 1 << UInt8(random.integer(below: 8))
          case 1: bytes[place] = alphabet[random.integer(below: alphabet.count)]
          case 2: bytes.remove(at: place)
          case 3: bytes.insert(alphabet[random.integer(below: alphabet.count)], at: place)
          default: bytes.removeLast(random.integer(below: bytes.count - goodEnd / 2))
          }
          if bytes.count < 16 { break }
        }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        do {
          let file = try SafetensorsFile(path: path)
          accepted += 1
          for entry in file.entries { _ = try? file.tensor(entry.name) }
          let end = headerEnd(bytes)
          let object: [String: Any]? =
            try JSONSerialization.jsonObject(with: Data(bytes[8..<end]))
            as? [String: Any]
          let header = try #require(object)
          let metadataCount = header["__metadata__"] == nil ? 0 : 1
          #expect(header.count == file.entries.count + metadataCount)
          for entry in file.entries {
            let twin = try #require(header[entry.name] as? [String: Any])
            #expect(twin["shape"] as? [Int] == entry.shape)
          }
        } catch let error as NetsError {
          #expect(!error.message.isEmpty && !error.message.contains("\n"))
        }
      }
      #expect(accepted > 20)
    }
  }

  private func headerEnd(_ bytes: [UInt8]) -> Int {
    let length = Int(bytes[1]) * 256 + Int(bytes[0])
    return 8 + length
  }

  private func withFile(
    header: String, data: [UInt8], _ body: (String) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      let path = folder + "/t.safetensors"
      var bytes = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
      bytes.append(contentsOf: header.utf8)
      bytes.append(contentsOf: data)
      try bytes.write(to: URL(fileURLWithPath: path))
      try body(path)
    }
  }
}
