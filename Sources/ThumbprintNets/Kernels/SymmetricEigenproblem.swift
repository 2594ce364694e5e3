import COpenBLAS

/// Eigenvalues and eigenvectors of a symmetric matrix, by LAPACK's divide and conquer.
package enum SymmetricEigenproblem {
  /// Solves `a · v = λ · v`.
  ///
  /// - Parameters:
  ///   - matrix: `order` × `order`, symmetric, of finite numbers.
  /// - Returns: The eigenvalues in ascending order, and row by row their eigenvectors of length 1;
  ///   `nil` if the iteration did not converge.
  /// - Complexity: O(order³); about half a second for 1,280.
  package static func solve(
    _ matrix: [Double], order: Int
  ) -> (values: [Double], vectors: [Double])? {
    precondition(matrix.count == order * order, "\(matrix.count) numbers for order \(order)")
    BLAS.useOneThread()
    var (vectors, values) = (matrix, [Double](repeating: 0, count: order))
    var (n, info) = (Int32(order), Int32(0))
    var (workCount, indexCount) = (Int32(-1), Int32(-1))
    var (workSize, indexSize) = (0.0, Int32(0))
    dsyevd_(
      "V", "U", &n, &vectors, &n, &values, &workSize, &workCount, &indexSize, &indexCount, &info,
      1, 1)
    guard info == 0 else { return nil }
    (workCount, indexCount) = (Int32(workSize), indexSize)
    var work = [Double](repeating: 0, count: Int(workCount))
    var indices = [Int32](repeating: 0, count: Int(indexCount))
    dsyevd_(
      "V", "U", &n, &vectors, &n, &values, &work, &workCount, &indices, &indexCount, &info, 1, 1)
    return info == 0 ? (values, vectors) : nil
  }
}
