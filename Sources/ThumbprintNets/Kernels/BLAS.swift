import COpenBLAS

/// The one place that calls OpenBLAS's products (``SymmetricEigenproblem`` calls its LAPACK).
///
/// Rules of use: OpenBLAS runs on one thread per call, whatever the machine, since parallelism is
/// over images (``Parallel``) and OpenBLAS's own threads spin against ours. The setting is the
/// process's: the first call makes it.
package enum BLAS {
  private static let oneThread: Void = openblas_set_num_threads(1)

  /// For what calls OpenBLAS's other routines.
  static func useOneThread() { _ = oneThread }

  /// `c = alpha · op(a) · op(b) + beta · c`, all row-major.
  ///
  /// - Parameters:
  ///   - m: Rows of op(a) and c.
  ///   - n: Columns of op(b) and c.
  ///   - k: Columns of op(a), rows of op(b).
  ///   - lda: Floats between two rows of `a` as stored; `ldb` and `ldc` likewise.
  package static func multiply(
    _ m: Int, _ n: Int, _ k: Int,
    alpha: Float = 1,
    _ a: UnsafePointer<Float>, lda: Int, aIsTransposed: Bool = false,
    _ b: UnsafePointer<Float>, ldb: Int, bIsTransposed: Bool = false,
    beta: Float,
    _ c: UnsafeMutablePointer<Float>, ldc: Int
  ) {
    _ = oneThread
    guard m > 0, n > 0 else { return }
    cblas_sgemm(
      CblasRowMajor, aIsTransposed ? CblasTrans : CblasNoTrans,
      bIsTransposed ? CblasTrans : CblasNoTrans,
      blasint(m), blasint(n), blasint(k), alpha, a, blasint(lda), b, blasint(ldb), beta, c,
      blasint(ldc))
  }

  /// `y += a · x`, `a` row-major.
  package static func multiply(
    rows: Int, columns: Int, _ a: UnsafePointer<Float>, vector x: UnsafePointer<Float>,
    addingTo y: UnsafeMutablePointer<Float>
  ) {
    _ = oneThread
    guard rows > 0, columns > 0 else { return }
    cblas_sgemv(
      CblasRowMajor, CblasNoTrans, blasint(rows), blasint(columns), 1, a, blasint(columns), x, 1, 1,
      y, 1)
  }
}
