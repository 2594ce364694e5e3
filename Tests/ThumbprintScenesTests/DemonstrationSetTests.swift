import Testing
import ThumbprintImages
import ThumbprintScenes

@Suite struct DemonstrationSetTests {
  private let set = DemonstrationSet(seed: 7, objectCount: 12, side: 32)

  @Test func picturesAreAFunctionOfTheSeed() {
    #expect(set.picture(5) == DemonstrationSet(seed: 7, objectCount: 90, side: 32).picture(5))
    #expect(set.picture(5) != DemonstrationSet(seed: 8, objectCount: 12, side: 32).picture(5))
  }

  @Test func namesGroupViews() {
    #expect(set.pictureCount == 48)
    #expect(set.name(0) == "object-00000/view-0.png")
    #expect(set.name(47) == "object-00011/view-3.png")
  }

  @Test func noTwoPicturesAreAlikeAndNoneIsFlat() {
    let pictures = (0..<set.pictureCount).map { set.picture($0) }
    #expect(Set(pictures).count == pictures.count)
    for (number, picture) in pictures.enumerated() {
      let mean = Double(picture.pixels.reduce(0) { $0 + Int($1) }) / Double(picture.pixels.count)
      let spread = picture.pixels.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
      let deviation = (spread / Double(picture.pixels.count)).squareRoot()
      #expect((20...235).contains(mean), "picture \(number) is too dark or too bright: \(mean)")
      #expect(deviation > 12, "picture \(number) shows nothing: \(deviation)")
    }
  }

  /// Views of one object must look more alike than those of two, or the set tests nothing: by
  /// their colours, the simplest thing to compare.
  @Test func viewsOfAnObjectLookAlike() {
    let histograms = (0..<set.pictureCount).map { histogram(set.picture($0)) }
    var (same, other) = ((sum: 0.0, count: 0.0), (sum: 0.0, count: 0.0))
    for a in histograms.indices {
      for b in 0..<a {
        let distance = zip(histograms[a], histograms[b]).reduce(0) { $0 + abs($1.0 - $1.1) }
        if a / 4 == b / 4 {
          same = (same.sum + distance, same.count + 1)
        } else {
          other = (other.sum + distance, other.count + 1)
        }
      }
    }
    #expect(same.sum / same.count < 0.85 * other.sum / other.count)
  }

  /// Shares of 4 × 4 × 4 colours in the middle of a picture, where the object is.
  private func histogram(_ picture: Picture) -> [Double] {
    var counts = [Double](repeating: 0, count: 64)
    for row in 8..<24 {
      for column in 8..<24 {
        let (red, green, blue) = picture[column, row]
        counts[Int(red >> 6) << 4 | Int(green >> 6) << 2 | Int(blue >> 6)] += 1.0 / 256
      }
    }
    return counts
  }
}
