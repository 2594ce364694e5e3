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
  package let vectors: [Float]

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
    let rows = pictures.rows(Array(stride(from: 0, to: pictures.count, by: step)))
    if rows.count / Self.sampleCount < Self.sampleCount / 2 {
      try self.init(few: rows, count: count)
      return
    }
    let found = try PrincipalComponents(rows, dimension: Self.sampleCount, count: count)
    self.init(
      count: count, mean: found.mean, variances: found.deviations.map { Double($0 * $0) },
      vectors: found.components)
  }

  private init(count: Int, mean: [Float], variances: [Double], vectors: [Float]) {
    self.count = count
    self.mean = mean
    self.variances = variances
    self.vectors = vectors
  }

  /// Fewer pictures than samples span fewer directions: those of the pictures' own products, which
  /// make a smaller problem. Further directions are zero.
  private init(few rows: [Float], count: Int) throws(CodingError) {
    let size = Self.sampleCount
    let pictureCount = rows.count / size
    var mean = [Float](repeating: 0, count: size)
    for i in rows.indices { mean[i % size] += rows[i] / Float(pictureCount) }
    var centered = rows
    for i in rows.indices { centered[i] -= mean[i % size] }
    var products = [Float](repeating: 0, count: pictureCount * pictureCount)
    BLAS.multiply(
      pictureCount, pictureCount, size, centered, lda: size, centered, ldb: size,
      bIsTransposed: true, beta: 0, &products, ldc: pictureCount)
    guard
      let solution = SymmetricEigenproblem.solve(
        products.map { Double($0) }, order: pictureCount)
    else {
      throw CodingError(.diverged, "these pictures have no principal components")
    }
    var vectors = [Float](repeating: 0, count: count * size)
    var variances = [Double](repeating: 0, count: count)
    for number in 0..<min(count, pictureCount - 1) {
      let place = pictureCount - 1 - number
      let value = solution.values[place]
      guard value > 1e-6 * max(1e-6, solution.values[pictureCount - 1]) else { break }
      variances[number] = value / Double(pictureCount - 1)
      let weights = solution.vectors[place * pictureCount..<(place + 1) * pictureCount].map {
        Float($0 / value.squareRoot())
      }
      BLAS.multiply(
        1, size, pictureCount, weights, lda: pictureCount, centered, ldb: size, beta: 0,
        &vectors[number * size], ldc: size)
    }
    self.init(count: count, mean: mean, variances: variances, vectors: vectors)
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
