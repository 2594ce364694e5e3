/// Pictures as text for terminals with true colours: each character shows two pixels, one above the
/// other, as the upper half block in two colours.
public enum TerminalBlocks {
  /// Lines of text, each ended by a newline, that show a picture pixel by pixel.
  ///
  /// A row below an odd number of rows has the terminal's own background.
  public static func text(_ picture: Picture) -> String {
    var text = ""
    for row in stride(from: 0, to: picture.height, by: 2) {
      var last = ""
      for column in 0..<picture.width {
        let upper = picture[column, row]
        var colors = "\u{1B}[38;2;\(upper.red);\(upper.green);\(upper.blue)"
        if row + 1 < picture.height {
          let lower = picture[column, row + 1]
          colors += ";48;2;\(lower.red);\(lower.green);\(lower.blue)"
        }
        colors += "m"
        if colors != last { text += colors }
        last = colors
        text += "\u{2580}"
      }
      text += "\u{1B}[0m\n"
    }
    return text
  }
}
