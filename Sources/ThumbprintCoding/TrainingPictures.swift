import ThumbprintImages
import ThumbprintNets

/// Makes thumbnails to train on out of picture files.
public struct TrainingPictures: Sendable {
  /// Random crops of each large picture, beside the whole of it.
  public let cropCount: Int
  public let seed: UInt64

  /// A picture whose shorter side is at least this has crops; smaller ones are thumbnails already.
  public static let croppedSideMin = 96
  /// The share of width and height that a crop takes, before the two are varied.
  private static let shares: ClosedRange<Float> = 0.4...1
  /// How far width and height are varied, each on its own.
  private static let variation: Float = 0.2

  /// - Parameter cropCount: `0...10000`.
  public init(cropCount: Int, seed: UInt64) {
    precondition((0...10_000).contains(cropCount), "no \(cropCount) crops of a picture")
    self.cropCount = cropCount
    self.seed = seed
  }

  /// Reads pictures, in the order of their paths; all that is random is a function of seed and place.
  ///
  /// - Parameter progress: Called with the number of files read, from time to time.
  /// - Throws: `ImagesError` naming the first file that cannot be read.
  public func read(
    _ paths: [String], threadCount: Int, progress: (Int) throws -> Void = { _ in }
  ) throws -> Thumbnails {
    var all = Thumbnails()
    let blockCount = 512
    for start in stride(from: 0, to: paths.count, by: blockCount) {
      let block = Array(paths[start..<min(paths.count, start + blockCount)].enumerated())
      let parts = try PictureLoader.read(
        block.map(\.offset).map(String.init), threadCount: threadCount
      ) { text in
        let offset = Int(text) ?? 0
        return thumbnails(
          of: try PictureReader.read(path: block[offset].element), number: start + offset)
      }
      for part in parts { all.append(contentsOf: part) }
      try progress(start + block.count)
    }
    return all
  }

  /// The whole picture and its crops, each shrunk to a thumbnail.
  package func thumbnails(of picture: Picture, number: Int) -> Thumbnails {
    var thumbnails = Thumbnails()
    thumbnails.append(picture)
    guard min(picture.width, picture.height) >= Self.croppedSideMin else { return thumbnails }
    var random = NetRandom(seed, 6, UInt64(number))
    for _ in 0..<cropCount {
      let span = Self.shares.upperBound - Self.shares.lowerBound
      let share = Self.shares.lowerBound + span * random.unit()
      func side(_ whole: Int) -> Int {
        let varied = share * (1 + Self.variation * (2 * random.unit() - 1))
        return max(1, min(whole, Int(Float(whole) * varied)))
      }
      let (width, height) = (side(picture.width), side(picture.height))
      let region = PixelRegion(
        column: random.integer(below: picture.width - width + 1),
        row: random.integer(below: picture.height - height + 1), width: width, height: height)
      thumbnails.append(
        picture.resized(
          width: Thumbnails.side, height: Thumbnails.side, filter: .bicubic, region: region))
    }
    return thumbnails
  }
}
