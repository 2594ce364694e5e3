import Testing
import ThumbprintCommands

@Suite struct TextTests {
  @Test func numbersAreGroupedByThree() {
    #expect(
      [0, 7, 999, 1000, 1_234_567, -12_345].map { Text.grouped($0) }
        == ["0", "7", "999", "1,000", "1,234,567", "-12,345"])
    #expect(Text.grouped(UInt64.max) == "18,446,744,073,709,551,615")
  }

  @Test func nounsAgreeWithTheirNumber() {
    #expect(Text.count(1, "record") == "1 record")
    #expect(Text.count(2000, "record") == "2,000 records")
    #expect(Text.count(0, "entry", plural: "entries") == "0 entries")
  }

  @Test func decimalsAreRoundedAndPadded() {
    #expect(Text.fixed(1.25, 1) == "1.3")
    #expect(Text.fixed(-0.04, 1) == "0.0")
    #expect(Text.fixed(-1.5, 0) == "-2")
    #expect(Text.fixed(3.005, 2) == "3.01" || Text.fixed(3.005, 2) == "3.00")
    #expect(Text.fixed(.nan, 1) == "-")
    #expect(Text.fixed(1e300, 1) == "1e+300")
  }

  @Test func threeFiguresMatter() {
    #expect(
      [0, 0.00012, 0.0123, 0.123, 1.234, 12.34, 1234.4, 1e-9].map(Text.short)
        == ["0", "0.00012", "0.0123", "0.123", "1.23", "12.3", "1,234", "1e-9"])
    #expect(Text.scientific(2.51e-12) == "2.5e-12")
    #expect(Text.scientific(9.97e-10) == "1e-9")
  }

  @Test func unitsFitTheSize() {
    #expect(
      [0, 1023, 1024, 1536, 1 << 30].map { Text.bytes($0) }
        == ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 GiB"])
    #expect(
      [0.0004, 0.25, 3.21, 59.99, 125, 3720, -1].map(Text.duration)
        == ["0.400 ms", "250 ms", "3.2 s", "1 min 0 s", "2 min 5 s", "1 h 2 min", "-"])
    #expect(Text.percent(0.125) == "12.5 %")
  }

  @Test func strangersNamesCannotDrawOnTheTerminal() {
    #expect(Text.printable("Zürich 木 👩‍🚀.jpg") == "Zürich 木 👩‍🚀.jpg")
    #expect(Text.printable("a\u{1B}[2Jb\nc\u{202E}d") == "a\\u{1b}[2Jb\\u{a}c\\u{202e}d")
    #expect(Text.oneLine("first\n   second\r\nthird") == "first second third")
  }

  @Test func tablesAlign() {
    var table = TextTable([("id", .right), ("name", .left), ("", .left)])
    #expect(table.isEmpty)
    table.append(["7", "a", ""])
    table.append(["1234", "longer", "x"])
    #expect(table.text == "  id  name\n   7  a\n1234  longer  x\n")
  }

  @Test func columnsAreThoseOfATerminal() {
    for (text, count) in [
      ("", 0), ("abc", 3), ("Zürich", 6), ("Zu\u{308}rich", 6), ("木木", 4), ("한국", 4),
      ("\u{1112}\u{1161}\u{11AB}", 2), ("ｆｕｌｌ", 8), ("…", 1), ("🚀", 2), ("👩‍🚀", 2), ("👍🏽", 2),
      ("🇩🇪", 2), ("❤️", 2), ("❤", 1), ("1️⃣", 2), ("क्ष", 2), ("\u{1B}[2J", 4), ("\u{301}", 0),
      ("e\u{301}\u{323}\u{308}", 1), ("㍻", 2), ("。", 2),
    ] {
      #expect(Text.columnCount(text) == count, "'\(text)'")
    }
  }

  /// Unicode's own words for what is drawn wide, of which the ranges must not lack one.
  @Test func ideographsAndEmojiAreWide() {
    for value in (0...0x10FFFF as ClosedRange<UInt32>) {
      guard let scalar = Unicode.Scalar(value), !(0x1F1E6...0x1F1FF).contains(value) else {
        continue
      }
      let properties = scalar.properties
      // One fills the place of a small character in another.
      if properties.generalCategory == .nonspacingMark { continue }
      if properties.isIdeographic || properties.isEmojiPresentation {
        #expect(Text.columnCount(String(scalar)) == 2, "U+\(String(value, radix: 16))")
      }
    }
  }

  @Test func longTextsLoseTheirMiddle() {
    #expect(Text.cut("abc", to: 3) == "abc")
    #expect(Text.cut("abcdefgh", to: 5) == "ab…gh")
    #expect(Text.cut("木木木", to: 6) == "木木木")
    #expect(Text.cut("木木木木木", to: 5) == "木…木")
    #expect(Text.cut("木木木木木", to: 6) == "木…木")
    #expect(Text.cut("👩‍🚀👩‍🚀👩‍🚀", to: 5) == "👩‍🚀…👩‍🚀")
    #expect(Text.cut("ab", to: 1) == "…")
    let text = "aä木🚀b\u{301}한👍🏽cd🇩🇪xyz木木"
    for columnMax in 1...13 {
      let count = Text.columnCount(Text.cut(text, to: columnMax))
      #expect((columnMax - 2...columnMax).contains(count), "\(columnMax)")
    }
  }

  @Test func cellsAreAsWideAsTheyAreDrawn() {
    var table = TextTable([("name", .left), ("id", .right)])
    table.append(["日本.png", "1"])
    table.append(["e\u{301}", "23"])
    #expect(table.text == "name      id\n日本.png   1\ne\u{301}         23\n")
    for cell in ["n", "木", "\u{1B}"] {
      var table = TextTable([("name", .left)])
      table.append([String(repeating: cell, count: 10_000)])
      let line = table.text.split(separator: "\n")[1]
      #expect((115...120).contains(Text.columnCount(line)), "\(cell)")
    }
  }
}
