import ThumbprintNets

/// The directions in which vectors vary most.
public struct PrincipalComponents: Sendable {
  /// The mean of the vectors.
  public let mean: [Float]
  /// Component by component, of length 1, the one with the greatest variance first.
  public let components: [Float]
  /// The standard deviation along each component.
  public let deviations: [Float]

  /// Finds the components of vectors.
  ///
  /// - Parameters:
  ///   - values: Vector by vector, `dimension` finite numbers each; at least two vectors.
  ///   - count: The components wanted, `1...dimension`.
  /// - Throws: ``CodingError/Code/diverged`` if the values are not finite.
  /// - Complexity: O(vectors · dimension² + dimension³).
  public init(_ values: [Float], dimension: Int, count: Int) throws(CodingError) {
    let vectorCount = values.count / dimension
    precondition(
      vectorCount >= 2 && values.count == vectorCount * dimension,
      "\(values.count) numbers are not two or more vectors of \(dimension)")
    precondition((1...dimension).contains(count), "no \(count) components of \(dimension)")
    var sums = [Double](repeating: 0, count: dimension)
    for i in values.indices { sums[i % dimension] += Double(values[i]) }
    let mean = sums.map { Float($0 / Double(vectorCount)) }
    var centered = values
    for i in values.indices { centered[i] -= mean[i % dimension] }
    var products = [Float](repeating: 0, count: dimension * dimension)
    centered.withUnsafeBufferPointer { x in
      products.withUnsafeMutableBufferPointer { c in
        guard let x = x.baseAddress, let c = c.baseAddress else { return }
        BLAS.multiply(
          dimension, dimension, vectorCount, x, lda: dimension, aIsTransposed: true, x,
          ldb: dimension, beta: 0, c, ldc: dimension)
      }
    }
    let scale = 1 / Double(vectorCount - 1)
    guard
      let eigen = SymmetricEigenproblem.solve(
        products.map { Double($0) * scale }, order: dimension),
      eigen.values.allSatisfy(\.isFinite)
    else {
      throw CodingError(.diverged, "the features of these pictures have no principal components")
    }
    var (components, deviations): ([Float], [Float]) = ([], [])
    for place in (dimension - count..<dimension).reversed() {
      let row = eigen.vectors[place * dimension..<(place + 1) * dimension]
      // A direction and its opposite are both right: the first large entry is made positive.
      let sign: Double = row.first { abs($0) > 1e-3 }.map { $0 < 0 ? -1 : 1 } ?? 1
      components.append(contentsOf: row.map { Float(sign * $0) })
      deviations.append(Float(max(0, eigen.values[place]).squareRoot()))
    }
    self.mean = mean
    self.components = components
    self.deviations = deviations
  }
}

extension PrincipalComponents {
  /// The coordinates of vectors along the components, vector by vector.
  func project(_ values: [Float]) -> [Float] {
    let (dimension, count) = (mean.count, deviations.count)
    var centered = values
    for i in centered.indices { centered[i] -= mean[i % dimension] }
    let vectorCount = values.count / dimension
    var result = [Float](repeating: 0, count: vectorCount * count)
    centered.withUnsafeBufferPointer { x in
      components.withUnsafeBufferPointer { c in
        result.withUnsafeMutableBufferPointer { y in
          guard let x = x.baseAddress, let c = c.baseAddress, let y = y.baseAddress else { return }
          BLAS.multiply(
            vectorCount, count, dimension, x, lda: dimension, c, ldb: dimension,
            bIsTransposed: true, beta: 0, y, ldc: count)
        }
      }
    }
    return result
  }
}
