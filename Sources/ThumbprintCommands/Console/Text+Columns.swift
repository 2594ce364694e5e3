// What text takes on a terminal. A character of Swift may be one column, two or none.
extension Text {
  /// Columns that a terminal draws `text` in: two for characters of East Asian scripts and for emoji,
  /// none for marks that are drawn over what is before them. A control character counts as one, as
  /// whatever shows it needs that much.
  ///
  /// Terminals do not agree on joined emoji; here they are what the newer ones draw, one picture.
  package static func columnCount(_ text: some StringProtocol) -> Int {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
    return text.reduce(0) { $0 + columnCount($1) }
  }

  /// `text` with its middle left out where it is wider than so many columns: of a path both ends tell
  /// something.
  package static func cut(_ text: String, to columnMax: Int) -> String {
    // No character has fewer bytes than columns; they are counted only where there may be too many.
    guard text.utf8.count > columnMax, columnCount(text) > columnMax else { return text }
    let head = columnMax / 2
    var tail = text.endIndex
    var left = columnMax - head - 1
    while tail > text.startIndex {
      let before = text.index(before: tail)
      left -= columnCount(text[before])
      if left < 0 { break }
      tail = before
    }
    return prefix(of: text, columnMax: head) + "…" + text[tail...]
  }

  /// The first characters of `text`, as many as fit into so many columns.
  package static func prefix(of text: String, columnMax: Int) -> String {
    var result = ""
    var left = columnMax
    for character in text {
      left -= columnCount(character)
      if left < 0 { break }
      result.append(character)
    }
    return result
  }

  /// `text` and blanks behind it, or before it, that make it so many columns wide.
  package static func padded(_ text: String, to columnCount: Int, right: Bool = false) -> String {
    let blanks = String(repeating: " ", count: max(0, columnCount - Self.columnCount(text)))
    return right ? blanks + text : text + blanks
  }

  private static func columnCount(_ character: Character) -> Int {
    var count = 0
    var isJoined = false
    for scalar in character.unicodeScalars {
      switch scalar {
      case "\u{200D}": isJoined = true
      // "Draw this as an emoji."
      case "\u{FE0F}": count = max(count, 2)
      default:
        // A second part, and the colour of a skin, change the picture that is there.
        if !isJoined, count == 0 || !scalar.properties.isEmojiModifier {
          count += columnCount(scalar)
        }
        isJoined = false
      }
    }
    return count
  }

  private static func columnCount(_ scalar: Unicode.Scalar) -> Int {
    if scalar.isASCII { return 1 }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark: return 0
    case .control, .format, .lineSeparator, .paragraphSeparator: return 1
    default: break
    }
    switch scalar.value {
    // The later letters of a Hangul syllable, which stand in the columns of the first.
    case 0x1160...0x11FF, 0xD7B0...0xD7FF: return 0
    // Two of these letters are a flag.
    case 0x1F1E6...0x1F1FF: return 1
    // "Wide" and "fullwidth" of Unicode Standard Annex 11, but for emoji and rare symbols.
    case 0x1100...0x115F, 0x2329...0x232A, 0x2E80...0x303E, 0x3041...0x4DBF, 0x4E00...0xA4CF,
      0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F,
      0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF, 0x1F200...0x1F2FF,
      0x20000...0x3FFFD:
      return 2
    default: return scalar.properties.isEmojiPresentation ? 2 : 1
    }
  }
}
