import Foundation
import Testing
import ThumbprintCodes

@Suite struct TagsJSONTests {
  private func decode(_ bytes: [UInt8]) throws(TagsJSON.Fault) -> [String: String] {
    try bytes.span.withUnsafeBytes { bytes throws(TagsJSON.Fault) in try TagsJSON.decode(bytes) }
  }

  private func fault(_ bytes: [UInt8]) -> TagsJSON.Fault? {
    do {
      _ = try decode(bytes)
      return nil
    } catch {
      return error
    }
  }

  /// The expected text was printed by `json.dumps` of Python with the arguments that
  /// ``TagsJSON`` names.
  @Test func canonicalFormIsThatOfPython() {
    let tags = ["b": "\u{0}\u{1F}\u{7F}/\"\\\u{8}\u{C}\n\r\t\u{2028}é😀", "a": "", "B": "x"]
    let expected =
      #"{"B":"x","a":"","b":"\u0000\u001f"# + "\u{7F}" + #"/\"\\\b\f\n\r\t"# + "\u{2028}é😀\"}"
    #expect(String(decoding: TagsJSON.encode(tags), as: UTF8.self) == expected)
    #expect(TagsJSON.encode([:]) == [])
    // UTF-16 order would have these the other way round.
    let wide = TagsJSON.encode(["\u{FFFD}": "1", "😀": "2"])
    #expect(String(decoding: wide, as: UTF8.self) == "{\"\u{FFFD}\":\"1\",\"😀\":\"2\"}")
  }

  @Test(
    arguments: [
      ("", [:]), ("{}", [:]), (" { } ", [:]), (#"{"a":"b"}"#, ["a": "b"]),
      ("\t{ \"a\" : \"b\" ,\r\n\"\": \"\" } ", ["a": "b", "": ""]),
      (#"{"\u0041\/\ud83d\uDE00":"\b\f\n\r\t\"\\"}"#, ["A/😀": "\u{8}\u{C}\n\r\t\"\\"]),
    ] as [(String, [String: String])])
  func readsJSON(text: String, tags: [String: String]) throws {
    #expect(try decode(Array(text.utf8)) == tags)
  }

  @Test(arguments: [
    "{", "}", "[]", "null", "\"a\"", "1", "{]", "{\"a\"}", "{\"a\":}", "{\"a\":1}", "{\"a\":null}",
    "{\"a\":{}}", "{\"a\":[\"b\"]}", "{\"a\":\"b\",}", "{,}", "{\"a\":\"b\"\"c\":\"d\"}",
    "{\"a\":\"b\"}}", "{\"a\":\"b\"} {}", "{a:\"b\"}", "{'a':'b'}", "{\"a\":\"b", "{\"a\":\"b\\",
    "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\\u12G4\"}", "{\"a\":\"\t\"}",
    "{\"a\":\"\\ud800\"}", "{\"a\":\"\\udc00\"}", "{\"a\":\"\\ud800\\u0041\"}",
    "{\"a\":\"\\ud800\\n\"}", "{\"a\":\"1\",\"a\":\"1\"}", "{\"a\":\"1\",\"\\u0061\":\"2\"}",
    "{\"é\":\"1\",\"e\u{301}\":\"2\"}", "\u{FEFF}{}", "{\"a\":\"b\"}\0",
  ])
  func refusesAllElse(text: String) {
    #expect(fault(Array(text.utf8)) != nil)
  }

  @Test func refusesWhatIsNotUTF8AndWhatIsTooLong() throws {
    for broken: [UInt8] in [[0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80]] {
      let text = Array("{\"a\":\"".utf8) + broken + Array("\"}".utf8)
      #expect(fault(text)?.message == "text that is not UTF-8")
    }
    let spaces = [UInt8](repeating: 0x20, count: TagsJSON.inputByteCountMax - 2)
    #expect(try decode(Array("{}".utf8) + spaces) == [:])
    #expect(fault(Array("{}".utf8) + spaces + [0x20]) != nil)
    let most = RecordLimits.tagsByteCountMax - #"{"":""}"#.utf8.count
    #expect(throws: Never.self) {
      try TagsJSON.canonical(["": String(repeating: "x", count: most)])
    }
    #expect(throws: TagsJSON.Fault.self) {
      try TagsJSON.canonical(["": String(repeating: "x", count: most + 1)])
    }
  }

  @Test func foundationReadsTheSame() throws {
    let seed: UInt64 = 31
    var random = SplitMix64(seed: seed)
    let alphabet = Array("ab\"\\/\u{8}\n\r\t\u{0}\u{1F} é😀\u{FFFD}{}[]:,".unicodeScalars)
    func text() -> String {
      var view = String.UnicodeScalarView()
      for _ in 0..<Int.random(in: 0...8, using: &random) {
        view.append(alphabet.randomElement(using: &random) ?? "a")
      }
      return String(view)
    }
    var acceptedCount = 0
    for _ in 0..<3000 {
      var tags: [String: String] = [:]
      for _ in 0..<Int.random(in: 0...4, using: &random) { tags[text()] = text() }
      let canonical = TagsJSON.encode(tags)
      #expect(try decode(canonical) == tags, "seed=\(seed)")
      // What Foundation writes is read, what is written here Foundation reads.
      let foreign = try JSONEncoder().encode(tags)
      #expect(try decode(Array(foreign)) == tags, "seed=\(seed)")
      var bytes = tags.isEmpty ? Array("{}".utf8) : canonical
      #expect(try JSONDecoder().decode([String: String].self, from: Data(bytes)) == tags)
      // And what is accepted of damaged text, Foundation takes for the same.
      let position = Int.random(in: 0..<bytes.count, using: &random)
      bytes[position] = UInt8.random(in: 0x20...0x7E, using: &random)
      guard let accepted = try? decode(bytes) else { continue }
      acceptedCount += 1
      let twin = try? JSONDecoder().decode([String: String].self, from: Data(bytes))
      #expect(twin == accepted, "seed=\(seed) \(String(decoding: bytes, as: UTF8.self))")
      #expect(try decode(TagsJSON.encode(accepted)) == accepted, "seed=\(seed)")
    }
    #expect(acceptedCount > 300)
  }
}
