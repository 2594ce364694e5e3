/// Letters of 5×7 pixels, for labels on plots and sheets: the printable characters of ASCII.
enum BitmapFont {
  static let height = 7
  /// Columns from one letter to the next.
  static let advance = 6
  private static let columnCount = 5

  /// Five columns for each character from the blank to the tilde; bit 0 of a column is its top.
  private static let columns: [UInt8] = {
    let digits = table.utf8.filter { $0 > 0x20 }.map { $0 < 0x3A ? $0 - 0x30 : $0 - 0x41 + 10 }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }()

  private static let table = """
    0000000000 00005F0000 0007000700 147F147F14 242A7F2A12 2313086462 3649552250
    0005030000 001C224100 0041221C00 14083E0814 08083E0808 0050300000 0808080808
    0060600000 2010080402 3E5149453E 00427F4000 4261514946 2141454B31 1814127F10
    2745454539 3C4A494930 0171090503 3649494936 064949291E 0036360000 0056360000
    0814224100 1414141414 0041221408 0201510906 324979413E 7E1111117E 7F49494936
    3E41414122 7F4141221C 7F49494941 7F09090901 3E4149497A 7F0808087F 00417F4100
    2040413F01 7F08142241 7F40404040 7F020C027F 7F0408107F 3E4141413E 7F09090906
    3E4151215E 7F09192946 4649494931 01017F0101 3F4040403F 1F2040201F 3F4038403F
    6314081463 0708700807 6151494543 007F414100 0204081020 0041417F00 0402010204
    4040404040 0001020400 2054545478 7F48444438 3844444420 384444487F 3854545418
    087E090102 085454543C 7F08040478 00447D4000 2040443D00 7F10284400 00417F4000
    7C04180478 7C08040478 3844444438 7C14141408 081414187C 7C08040408 4854545420
    043F444020 3C4040207C 1C2040201C 3C4030403C 4428102844 0C5050503C 4464544C44
    0008364100 00007F0000 0041360800 1008081008
    """

  /// Pixels that a text takes from left to right.
  static func width(_ text: String, scale: Int = 1) -> Int {
    max(0, text.unicodeScalars.count * advance - 1) * scale
  }

  /// Calls `body` for every pixel of a text, with column and row from its top left corner. What is
  /// not printable ASCII becomes a question mark.
  static func forEachPixel(_ text: String, scale: Int = 1, _ body: (Int, Int) -> Void) {
    for (place, scalar) in text.unicodeScalars.enumerated() {
      let isKnown = (0x20...0x7E).contains(scalar.value)
      let glyph = Int(isKnown ? scalar.value : 0x3F) - 0x20
      for column in 0..<columnCount {
        let bits = columns[glyph * columnCount + column]
        for row in 0..<height where bits >> UInt8(row) & 1 == 1 {
          for x in 0..<scale {
            for y in 0..<scale {
              body((place * advance + column) * scale + x, row * scale + y)
            }
          }
        }
      }
    }
  }
}
