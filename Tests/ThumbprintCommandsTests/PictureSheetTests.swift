import Foundation
import Testing
import ThumbprintCommands
import ThumbprintImages

@Suite struct PictureSheetTests {
  private func sheet(_ counts: [Int], lines: [String] = ["1", "name"]) -> PictureSheet {
    var number: UInt8 = 0
    return PictureSheet(
      title: "near <17>",
      sections: counts.map { count in
        PictureSheet.Section(
          heading: "group",
          cells: (0..<count).map { _ in
            number += 1
            return PictureSheet.Cell(
              Picture(width: 32, height: 32, red: number, green: 0, blue: 200), lines)
          })
      })
  }

  @Test func aNarrowTerminalHasFourBesideEachOther() {
    let lines = sheet([5]).terminalText(columnCount: 80, drawing: .blocks)
      .split(separator: "\n", omittingEmptySubsequences: false)
    // A heading, two rows of 9 lines, and under each two lines of words and a blank one.
    #expect(lines.count == 1 + 2 * (9 + 2 + 1) + 1)
    #expect(lines[0] == "group")
    #expect(lines[1].count(where: { $0 == "\u{2580}" }) == 4 * 18)
    #expect(lines[10] == "1                   1                   1                   1")
    #expect(lines[13].count(where: { $0 == "\u{2580}" }) == 18)
  }

  @Test func aWideTerminalShowsEachPixel() {
    let text = sheet([1]).terminalText(columnCount: 200, drawing: .blocks)
    #expect(text.count(where: { $0 == "\u{2580}" }) == 32 * 16)
  }

  @Test func longNamesAreCutAndCannotMoveTheCursor() {
    let name = String(repeating: "x", count: 10_000)
    let text = sheet([2], lines: ["\u{1B}[2J", name])
      .terminalText(columnCount: 80, drawing: .blocks)
    #expect(!text.contains("\u{1B}[2J"))
    #expect(text.contains("\\u{1b}[2J"))
    #expect(text.contains("xxxxxxxxx…xxxxxxxx"))
    #expect(!text.contains("xxxxxxxxxx"))
  }

  @Test func kittyGetsPiecesThatItTakes() throws {
    let pixels = (0..<3 * 64 * 64).map {
      UInt8(truncatingIfNeeded: ($0 &* $0 &* 2_654_435_761) >> 17)
    }
    let picture = Picture(width: 64, height: 64, pixels: pixels)
    let text = KittyGraphics.text(picture, columns: 32, rows: 16)
    var data = ""
    let pieces = text.components(separatedBy: "\u{1B}_G").dropFirst()
    #expect(pieces.count > 1)
    for (number, piece) in pieces.enumerated() {
      #expect(piece.hasSuffix("\u{1B}\\"))
      let parts = piece.dropLast(2).split(separator: ";", maxSplits: 1)
      #expect(parts[1].count <= 4_096)
      #expect(parts[0].hasSuffix(number == pieces.count - 1 ? "m=0" : "m=1"))
      data += parts[1]
    }
    let png = try #require(Data(base64Encoded: data))
    #expect(try Array(png) == picture.png())
  }

  @Test func aPageHasNothingButTextInItsWords() throws {
    let page = try sheet([1, 2], lines: ["<script>alert(1)</script>", "\"'&"]).html()
    #expect(!page.contains("<script"))
    #expect(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"))
    #expect(page.contains("&quot;&#39;&amp;"))
    #expect(page.contains("near &lt;17&gt;"))
    #expect(page.components(separatedBy: "data:image/png;base64,").count == 4)
    #expect(!page.contains("http"))
  }

  @Test func sectionsStartRowsOfTheirOwn() throws {
    let picture = try sheet([3, 2]).picture(columnCount: 2)
    // Three rows of two cells of 64 pixels, 2 pixels around each.
    #expect(picture.width == 2 * 66 + 2)
    #expect(picture.height == 3 * 66 + 2)
    #expect(picture[3, 3].red == 1)
    #expect(picture[3, 3 + 2 * 66].red == 4)
    #expect(picture[3 + 66, 3 + 66] == (255, 255, 255))
  }

  @Test func terminalsSayWhatTheyCanDo() {
    #expect(PictureSheet.Drawing(environment: ["COLORTERM": "truecolor"]) == .blocks)
    #expect(PictureSheet.Drawing(environment: ["TERM": "xterm-kitty"]) == .kitty)
    #expect(PictureSheet.Drawing(environment: ["TERM": "xterm-256color"]) == nil)
  }

  @Test func terminalsAnswerWhatTheyCanDo() {
    func answer(_ text: String) -> Bool? { TerminalQuery.hasSixels(Array(text.utf8)) }
    #expect(answer("\u{1B}[?62;4;6c") == true)
    #expect(answer("\u{1B}[?4c") == true)
    #expect(answer("\u{1B}[?64;14;41;44c") == false)
    #expect(answer("\u{1B}[?6c") == false)
    // Not complete, something else before it, and no answer at all.
    #expect(answer("\u{1B}[?62;4") == nil)
    #expect(answer("\u{1B}[1;1R\u{1B}[?1;2;4c") == true)
    #expect(answer("4c") == nil)
    #expect(TerminalQuery.hasSixels([0xFF, 0x1B, 0x5B]) == nil)
  }

  @Test func sixelsStandWhereRoomWasMade() {
    let cell = PictureSheet.CellSize(width: 3, height: 1_000)
    #expect(cell == PictureSheet.CellSize(width: 4, height: 64))
    let text = sheet([3])
      .terminalText(columnCount: 80, drawing: .sixel(.standard))
    // Three pictures of 18×9 characters, two blanks behind each.
    let room = String(repeating: "\n", count: 9) + "\u{1B}[9A\u{1B}7\u{1B}P0;1;0q"
    #expect(text.contains(room + "\"1;1;600;180#0;2;"))
    #expect(text.contains("\u{1B}\\\u{1B}8\r\u{1B}[9B"))
  }
}
