import CNets

/// A matrix on the right of products, packed once in the order in which the kernels read it, with
/// what is done as a product ends: a bias and perhaps ReLU.
///
/// An element of a product has the same bits whatever the number of rows, and on every machine: see
/// CNets.h.
struct PackedMatrix: Sendable {
  let rows: Int
  let columns: Int
  /// `columns` in whole groups: what ``multiply(_:rows:stride:into:stride:)`` writes.
  let columnsWritten: Int
  private let values: Memory
  private let bias: Memory?
  private let clamps: Bool

  /// - Parameters:
  ///   - bias: `columns` floats.
  ///   - clamps: Whether ReLU follows.
  ///   - element: The number at a row and a column.
  @inline(__always)
  init(
    rows: Int, columns: Int, bias: ((Int) -> Float)?, clamps: Bool,
    element: (_ row: Int, _ column: Int) -> Float
  ) {
    let written = tn_rounded(columns)
    let values = Memory(count: rows * written)
    let panelMax = Int(TN_PANEL)
    for panel in stride(from: 0, to: columns, by: panelMax) {
      let width = min(panelMax, written - panel)
      var target = values.base + panel * rows
      for row in 0..<rows {
        for column in 0..<min(width, columns - panel) {
          target[column] = element(row, panel &+ column)
        }
        target += width
      }
    }
    self.rows = rows
    self.columns = columns
    self.clamps = clamps
    self.values = values
    columnsWritten = written
    self.bias = bias.map { bias in
      let memory = Memory(count: written)
      for column in 0..<columns { memory.base[column] = bias(column) }
      return memory
    }
  }

  /// Bytes of the elements.
  var byteCount: Int { values.count * MemoryLayout<Float>.stride }

  /// `y = x · matrix`, with bias and ReLU.
  ///
  /// - Parameters:
  ///   - rowCount: Rows of x and y.
  ///   - xStride: Floats between two rows of `x`; `yStride` likewise, at least ``columnsWritten``.
  func multiply(
    _ x: UnsafePointer<Float>, rows rowCount: Int, stride xStride: Int,
    into y: UnsafeMutablePointer<Float>, stride yStride: Int
  ) {
    tn_multiply(
      rowCount, rows, columns, x, xStride, values.base, bias?.base, clamps ? 1 : 0, y, yStride)
  }
}
