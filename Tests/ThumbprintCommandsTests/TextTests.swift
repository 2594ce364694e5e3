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
}
