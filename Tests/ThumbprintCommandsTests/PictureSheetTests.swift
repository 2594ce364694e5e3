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
    let picture = try sheet([3, 2]).picture(
      in: ContactSheet(columnCount: 2, magnification: 2))
    // Three rows of two cells of 64 pixels, 2 pixels around each.
    #expect(picture.width == 2 * 66 + 2)
    #expect(picture.height == 3 * 66 + 2)
    #expect(picture[3, 3].red == 1)
    #expect(picture[3, 3 + 2 * 66].red == 4)
    #expect(picture[3 + 66, 3 + 66] == (255, 255, 255))
  }

  @Test func terminalsSayWhatTheyCanDo() {
    func drawing(_ environment: [String: String]) -> PictureSheet.Drawing? {
      PictureSheet.Drawing(environment: environment)
    }
    #expect(drawing(["COLORTERM": "truecolor"]) == .blocks)
    #expect(drawing(["TERM": "xterm-256color"]) == nil)
    #expect(drawing(["TERM": "xterm-kitty"]) == .kitty)
    #expect(drawing(["TERM": "xterm-ghostty"]) == .kitty)
    // What tmux and screen pass on of the terminal around them.
    let inherited = ["KITTY_WINDOW_ID": "1", "TERM_PROGRAM": "ghostty"]
    for own in [
      ["TERM": "tmux-256color"], ["TERM": "screen"], ["TERM": "xterm-kitty", "TMUX": "/s,1,0"],
      ["TERM": "xterm-ghostty", "STY": "1.s"],
    ] {
      let environment = inherited.merging(own) { $1 }
      #expect(drawing(environment) == nil, "\(own)")
      #expect(!PictureSheet.Drawing.isPerhapsKitty(environment), "\(own)")
    }
    #expect(drawing(["TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"]) == nil)
    #expect(
      PictureSheet.Drawing.isPerhapsKitty(["TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"]))
    #expect(!PictureSheet.Drawing.isPerhapsKitty(["TERM": "xterm-256color"]))
    #expect(PictureSheet.Drawing.isWanted(["TERM": "xterm", "NO_COLOR": ""]))
    #expect(!PictureSheet.Drawing.isWanted(["TERM": "xterm", "NO_COLOR": "0"]))
    #expect(!PictureSheet.Drawing.isWanted(["TERM": "dumb"]))
  }

  @Test func terminalsAnswerWhatTheyCanDo() {
    func answer(_ text: String) -> TerminalQuery.Answer? { TerminalQuery.Answer(Array(text.utf8)) }
    #expect(answer("\u{1B}[?62;4;6c")?.drawsSixels == true)
    #expect(answer("\u{1B}[?4c")?.drawsSixels == true)
    #expect(answer("\u{1B}[?64;14;41;44c")?.drawsSixels == false)
    #expect(answer("\u{1B}[?6c")?.drawsSixels == false)
    // Not complete, something else before it, and no answer at all.
    #expect(answer("\u{1B}[?62;4") == nil)
    #expect(answer("\u{1B}[1;1R\u{1B}[?1;2;4c")?.drawsSixels == true)
    #expect(answer("4c") == nil)
    #expect(TerminalQuery.Answer([0xFF, 0x1B, 0x5B]) == nil)
    #expect(answer("\u{1B}_Gi=31;OK\u{1B}\\") == nil)
    #expect(answer("\u{1B}_Gi=31;OK\u{1B}\\\u{1B}[?62c")?.drawsKitty == true)
    #expect(answer("\u{1B}_Gi=31;EINVAL:no\u{1B}\\\u{1B}[?62c")?.drawsKitty == false)
    #expect(answer("\u{1B}[?62;4c")?.drawsKitty == false)
  }

  @Test func captionsStandBelowTheirPictures() {
    let lines = sheet([2], lines: ["日本.png"]).terminalText(columnCount: 80, drawing: .blocks)
      .split(separator: "\n")
    // Eight columns of eighteen, and the gap of two.
    #expect(lines.last == "日本.png            日本.png")
    let long = sheet([2], lines: [String(repeating: "本", count: 30)])
      .terminalText(columnCount: 80, drawing: .blocks).split(separator: "\n")
    #expect(long.last == "本本本本…本本本本   本本本本…本本本本")
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
