import Foundation
import ThumbprintImages

/// Descriptors without any network, which every score is printed beside.
enum RetrievalBaselines {
  /// Levels of each colour that a histogram tells apart.
  private static let levelCount = 4
  /// Numbers of a histogram: 64.
  static let histogramCount = levelCount * levelCount * levelCount

  /// The square roots of the shares of pixels in each of 64 colours: their Euclidean distance is
  /// that of Hellinger.
  static func colorHistogram(_ picture: Picture) -> [Float] {
    var counts = [Float](repeating: 0, count: histogramCount)
    for pixel in stride(from: 0, to: picture.pixels.count, by: 3) {
      let place = (0..<3).reduce(0) {
        $0 * levelCount + Int(picture.pixels[pixel + $1]) * levelCount / 256
      }
      counts[place] += 1
    }
    let scale = 1 / Float(picture.pixels.count / 3)
    return counts.map { ($0 * scale).squareRoot() }
  }

  /// The perceptual hash: the signs, against their median, of the 63 lowest frequencies (but the
  /// mean) of the cosine transform of a 32×32 picture in grey. (Zauner, "Implementation and
  /// benchmarking of perceptual image hash functions", 2010, section 3.2.1.)
  static func perceptualHash(_ thumbnail: Picture) -> UInt64 {
    let (side, kept) = (Thumbnails.side, 8)
    precondition(thumbnail.width == side && thumbnail.height == side, "a hash is of 32×32 pixels")
    let shares: [Double] = [0.299, 0.587, 0.114]
    var grey = [Double](repeating: 0, count: side * side)
    for (i, value) in thumbnail.pixels.enumerated() {
      grey[i / 3] += shares[i % 3] * Double(value)
    }
    func wave(_ frequency: Int, _ place: Int) -> Double {
      cos(.pi * Double(frequency) * (Double(place) + 0.5) / Double(side))
    }
    let waves: [[Double]] = (0..<kept).map { k in (0..<side).map { wave(k, $0) } }
    var coefficients: [Double] = []
    for down in 0..<kept {
      for across in 0..<kept where down + across > 0 {
        var sum = 0.0
        for row in 0..<side {
          for column in 0..<side {
            sum += grey[row * side + column] * waves[down][row] * waves[across][column]
          }
        }
        coefficients.append(sum)
      }
    }
    let median = coefficients.sorted()[coefficients.count / 2]
    return coefficients.enumerated().reduce(0) {
      $1.element > median ? $0 | 1 << UInt64($1.offset) : $0
    }
  }
}

extension PictureSet {
  /// The score of colour histograms.
  public func histogramScore(queries: [Int], threadCount: Int) -> RetrievalScore {
    RetrievalScore(
      vectors: pictures.flatMap(RetrievalBaselines.colorHistogram),
      dimension: RetrievalBaselines.histogramCount, groups: groups, queries: queries,
      threadCount: threadCount)
  }

  /// The score of perceptual hashes, by Hamming distance.
  public func hashScore(queries: [Int], threadCount: Int) -> RetrievalScore {
    let hashes = (0..<count).map { RetrievalBaselines.perceptualHash(thumbnails[$0]) }
    return RetrievalScore(groups: groups, queries: queries, threadCount: threadCount) {
      query, row in
      for i in hashes.indices {
        row[i] = Float((hashes[query] ^ hashes[i]).nonzeroBitCount) / 63
      }
    }
  }
}
