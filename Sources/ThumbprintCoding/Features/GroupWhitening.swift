import Foundation
import ThumbprintNets

/// A linear map in which pictures of one group differ alike in all directions, cut down to the
/// directions in which groups differ most.
///
/// What changes between views of one thing (light, place, scale) is thereby counted little, and what
/// stays counts much: the whitening by within-class covariance of Hatch, Kajarekar and Stolcke
/// (Interspeech 2006), then principal components.
package struct GroupWhitening {
  /// Added to the variance within groups, as a share of its mean over all directions: directions that
  /// hardly vary in the groups given may vary in others.
  private static let floor = 0.05

  /// The mean of all vectors.
  package let mean: [Float]
  /// `count` rows of as many numbers as a vector has.
  package let rows: [Float]

  /// - Parameters:
  ///   - values: Vector by vector, `dimension` numbers each.
  ///   - groups: The group of each vector.
  ///   - count: Rows wanted, `1...dimension`.
  ///   - emphasis: Every row is multiplied by this power of the deviation along it: above 0,
  ///     directions in which groups differ much count more. Fewer rows and more emphasis make
  ///     distances inside groups smaller against those between them.
  /// - Throws: ``CodingError/Code/diverged`` if the values are not finite.
  package init(
    _ values: [Float], groups: [Int], dimension: Int, count: Int, emphasis: Float = 0
  ) throws(CodingError) {
    precondition(values.count == groups.count * dimension, "every vector has a group")
    let rest = Self.withoutGroupMeans(values, groups: groups, dimension: dimension)
    var products = [Float](repeating: 0, count: dimension * dimension)
    BLAS.multiply(
      dimension, dimension, groups.count, rest, lda: dimension, aIsTransposed: true, rest,
      ldb: dimension, beta: 0, &products, ldc: dimension)
    let scale = 1 / Double(max(1, groups.count - Set(groups).count))
    guard
      let eigen = SymmetricEigenproblem.solve(
        products.map { Double($0) * scale }, order: dimension),
      eigen.values.allSatisfy(\.isFinite)
    else { throw CodingError(.diverged, "the features of these pictures cannot be whitened") }
    let added = Self.floor * max(eigen.values.reduce(0, +) / Double(dimension), 1e-12)
    // Rows: eigenvectors divided by their deviations. (Turning back is left to what follows.)
    var whitener = [Float](repeating: 0, count: dimension * dimension)
    for row in 0..<dimension {
      let factor = 1 / (max(0, eigen.values[row]) + added).squareRoot()
      for i in 0..<dimension {
        whitener[row * dimension + i] = Float(eigen.vectors[row * dimension + i] * factor)
      }
    }
    var whitened = [Float](repeating: 0, count: values.count)
    BLAS.multiply(
      groups.count, dimension, dimension, values, lda: dimension, whitener, ldb: dimension,
      bIsTransposed: true, beta: 0, &whitened, ldc: dimension)
    let components = try PrincipalComponents(whitened, dimension: dimension, count: count)
    var rows = [Float](repeating: 0, count: count * dimension)
    BLAS.multiply(
      count, dimension, dimension, components.components, lda: dimension, whitener,
      ldb: dimension, beta: 0, &rows, ldc: dimension)
    for i in rows.indices { rows[i] *= pow(components.deviations[i / dimension], emphasis) }
    self.rows = rows
    var sums = [Double](repeating: 0, count: dimension)
    for i in values.indices { sums[i % dimension] += Double(values[i]) }
    mean = sums.map { Float($0 / Double(groups.count)) }
  }

  private static func withoutGroupMeans(
    _ values: [Float], groups: [Int], dimension: Int
  ) -> [Float] {
    var rest = values
    for members in Dictionary(grouping: groups.indices, by: { groups[$0] }).values {
      var sums = [Double](repeating: 0, count: dimension)
      for member in members {
        for i in 0..<dimension { sums[i] += Double(values[member * dimension + i]) }
      }
      for member in members {
        for i in 0..<dimension {
          rest[member * dimension + i] -= Float(sums[i] / Double(members.count))
        }
      }
    }
    return rest
  }
}
