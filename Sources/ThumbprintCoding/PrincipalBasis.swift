import ThumbprintNets

/// The directions in which pictures differ most, as principal component analysis finds them.
public struct PrincipalBasis: Sendable {
  /// Directions kept.
  public let count: Int
  /// The variance of pictures along each direction, descending.
  public let variances: [Double]
  /// The mean picture: 3×32×32 samples over −1...1.
  let mean: [Float]
  /// `count` × 3,072: directions of length 1.
  let vectors: [Float]

  static let sampleCount = CodecSpec.picture.count
  /// Pictures that the analysis looks at, at most; more change little.
  private static let pictureCountMax = 8_192

  /// Analyses pictures: all, or evenly spaced ones of very many.
  ///
  /// - Parameter count: Directions to keep, `1...3072`.
  /// - Throws: ``CodingError/Code/noPictures`` if there are fewer than two pictures.
  /// - Complexity: Half a minute of processor time for 3,072 pictures or more.
  public init(_ pictures: Thumbnails, count: Int) throws(CodingError) {
    guard pictures.count > 1 else {
      throw CodingError(.noPictures, "principal components need at least two pictures")
    }
    let step = (pictures.count + Self.pictureCountMax - 1) / Self.pictureCountMax
    let found = try PrincipalComponents(
      pictures.rows(Array(stride(from: 0, to: pictures.count, by: step))),
      dimension: Self.sampleCount, count: count)
    self.count = count
    mean = found.mean
    variances = found.deviations.map { Double($0 * $0) }
    vectors = found.components
  }

  /// The coordinates of rows of 3,072 samples, `count` for each: products with the directions. The
  /// mean is not taken away.
  func coordinates(_ rows: [Float]) -> [Float] {
    let rowCount = rows.count / Self.sampleCount
    var result = [Float](repeating: 0, count: rowCount * count)
    BLAS.multiply(
      rowCount, count, Self.sampleCount, rows, lda: Self.sampleCount, vectors,
      ldb: Self.sampleCount, bIsTransposed: true, beta: 0, &result, ldc: count)
    return result
  }

  /// The mean's coordinates.
  var meanCoordinates: [Float] { coordinates(mean) }
}

extension Thumbnails {
  /// Pictures as rows of 3,072 samples over −1...1, plane by plane.
  func rows(_ indices: some Collection<Int>) -> [Float] {
    var rows = [Float](repeating: 0, count: indices.count * Self.byteCount)
    rows.withUnsafeMutableBufferPointer { rows in
      guard let base = rows.baseAddress else { return }
      for (row, index) in indices.enumerated() {
        fill(base + row * Self.byteCount, indices: CollectionOfOne(index))
      }
    }
    return rows
  }
}
