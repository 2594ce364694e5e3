import ThumbprintImages

/// Pictures of made-up objects, four views of each, from a seed: something to search in when no
/// photographs are at hand. Groups of views play the part of those of UKBench.
public struct DemonstrationSet: Sendable {
  public static let viewCount = 4

  public let seed: UInt64
  public let objectCount: Int
  /// Of each picture, in pixels.
  public let side: Int
  /// How much the views of one object differ in pose, light and background, 0 (not at all) to 1.
  public let variation: Float

  public init(seed: UInt64 = 1, objectCount: Int, side: Int = 128, variation: Float = 0.5) {
    self.seed = seed
    self.variation = variation
    self.objectCount = objectCount
    self.side = side
  }

  public var pictureCount: Int { objectCount * Self.viewCount }

  /// The views of object 7 are `object-00007/view-0.png` to `view-3.png`.
  public func name(_ number: Int) -> String {
    let digits = String(number / Self.viewCount)
    let padding = String(repeating: "0", count: max(0, 5 - digits.count))
    return "object-\(padding)\(digits)/view-\(number % Self.viewCount).png"
  }

  /// Picture `number` of `0..<pictureCount`: view `number mod 4` of object `⌊number / 4⌋`.
  public func picture(_ number: Int) -> Picture {
    precondition((0..<pictureCount).contains(number), "picture \(number) of \(pictureCount)")
    let object = number / Self.viewCount
    return SceneRenderer.picture(
      SceneObject(seed: seed, number: object),
      SceneView(
        seed: seed, number: object, view: number % Self.viewCount, variation: variation),
      side: side)
  }
}
