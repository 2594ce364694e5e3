/// The three transforms of F(4×4, 3×3), each on as many tiles at a time as a vector has lanes.
///
/// Matrices of Lavin and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.
enum WinogradTransform {
  typealias Lanes = SIMD8<Float>
  /// Tiles at a time.
  static let laneCount = Lanes.scalarCount

  @inline(__always)
  private static func load(_ pointer: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(pointer).loadUnaligned(as: Lanes.self)
  }

  @inline(__always)
  private static func store(_ value: Lanes, _ pointer: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(pointer).storeBytes(of: value, as: Lanes.self)
  }

  /// Splits a row of pixels, with a zero before it, into four phases: phase `p` holds the pixels
  /// `p − 1, p + 3, p + 7 …`, so that neighbouring tiles find the same pixel of theirs side by side.
  /// Beyond the row there are zeros.
  ///
  /// - Parameters:
  ///   - row: `nil` for a row above or below the picture.
  ///   - count: Floats of each phase.
  @inline(__always)
  static func split(
    _ row: UnsafePointer<Float>?, width: Int, count: Int,
    into phases: UnsafeMutablePointer<Float>
  ) {
    guard let row else {
      phases.update(repeating: 0, count: 4 * count)
      return
    }
    for phase in 0..<4 {
      let target = phases + phase * count
      // Places whose pixel 4 i + phase − 1 is inside the row.
      let first = phase == 0 ? 1 : 0
      let end = (width - phase + 4) / 4
      if first == 1 { target[0] = 0 }
      var pixel = 4 &* first &+ phase &- 1
      var place = first
      while place < end {
        target[place] = row[pixel]
        pixel &+= 4
        place &+= 1
      }
      while place < count {
        target[place] = 0
        place &+= 1
      }
    }
  }

  /// Bᵀ d, one dimension.
  @inline(__always)
  private static func inputLine(
    _ d0: Lanes, _ d1: Lanes, _ d2: Lanes, _ d3: Lanes, _ d4: Lanes, _ d5: Lanes
  ) -> (Lanes, Lanes, Lanes, Lanes, Lanes, Lanes) {
    let a = d4 - 4 * d2
    let b = d3 - 4 * d1
    let c = d4 - d2
    let d = 2 * (d3 - d1)
    return (
      4 * d0 - 5 * d2 + d4, a + b, a - b, c + d, c - d, 4 * d1 - 5 * d3 + d5
    )
  }

  /// Transforms tiles: Bᵀ d B.
  ///
  /// - Parameters:
  ///   - phases: Six rows, split into phases of `phaseCount`, at the first tile.
  ///   - step: Floats between two of the 36 results.
  @inline(__always)
  static func input(
    _ phases: UnsafePointer<Float>, phaseCount: Int, into target: UnsafeMutablePointer<Float>,
    step: Int
  ) {
    // By columns first: six vectors of a column at a time, kept in a small array on the stack.
    withUnsafeTemporaryAllocation(of: Lanes.self, capacity: 36) { middle in
      for column in 0..<6 {
        let source = phases + (column & 3) * phaseCount + column / 4
        let line = 4 * phaseCount
        let r = inputLine(
          load(source), load(source + line), load(source + 2 * line), load(source + 3 * line),
          load(source + 4 * line), load(source + 5 * line))
        middle[column] = r.0
        middle[6 + column] = r.1
        middle[12 + column] = r.2
        middle[18 + column] = r.3
        middle[24 + column] = r.4
        middle[30 + column] = r.5
      }
      for row in 0..<6 {
        let m = middle.baseAddress! + 6 * row
        let r = inputLine(m[0], m[1], m[2], m[3], m[4], m[5])
        let out = target + 6 * row * step
        store(r.0, out)
        store(r.1, out + step)
        store(r.2, out + 2 * step)
        store(r.3, out + 3 * step)
        store(r.4, out + 4 * step)
        store(r.5, out + 5 * step)
      }
    }
  }

  /// Aᵀ m, one dimension.
  @inline(__always)
  private static func outputLine(
    _ m0: Lanes, _ m1: Lanes, _ m2: Lanes, _ m3: Lanes, _ m4: Lanes, _ m5: Lanes
  ) -> (Lanes, Lanes, Lanes, Lanes) {
    let (a, b) = (m1 + m2, m1 - m2)
    let (c, d) = (m3 + m4, m3 - m4)
    return (m0 + a + c, b + 2 * d, a + 4 * c, b + 8 * d + m5)
  }

  /// Transforms products back to outputs: Aᵀ m A, row by row of a tile, four phases each.
  @inline(__always)
  static func output(
    _ source: UnsafePointer<Float>, step: Int, bias: Float, clamps: Bool,
    into target: UnsafeMutablePointer<Float>
  ) {
    withUnsafeTemporaryAllocation(of: Lanes.self, capacity: 24) { middle in
      for column in 0..<6 {
        let m = source + column * step
        let line = 6 * step
        let r = outputLine(
          load(m), load(m + line), load(m + 2 * line), load(m + 3 * line), load(m + 4 * line),
          load(m + 5 * line))
        middle[column] = r.0
        middle[6 + column] = r.1
        middle[12 + column] = r.2
        middle[18 + column] = r.3
      }
      let offset = Lanes(repeating: bias)
      for row in 0..<4 {
        let m = middle.baseAddress! + 6 * row
        var r = outputLine(m[0], m[1], m[2], m[3], m[4], m[5])
        r = (r.0 + offset, r.1 + offset, r.2 + offset, r.3 + offset)
        if clamps {
          r = (clamped(r.0), clamped(r.1), clamped(r.2), clamped(r.3))
        }
        let out = target + 4 * laneCount * row
        store(r.0, out)
        store(r.1, out + laneCount)
        store(r.2, out + 2 * laneCount)
        store(r.3, out + 3 * laneCount)
      }
    }
  }

  @inline(__always)
  private static func clamped(_ x: Lanes) -> Lanes {
    x.replacing(with: 0, where: x .< 0)
  }

  /// Joins four phases of a row of outputs.
  @inline(__always)
  static func join(
    _ phases: UnsafePointer<Float>, count: Int, into row: UnsafeMutablePointer<Float>
  ) {
    let whole = count / 4
    var place = 0
    while place < whole {
      let value = SIMD4(
        phases[place], phases[laneCount &+ place], phases[2 &* laneCount &+ place],
        phases[3 &* laneCount &+ place])
      UnsafeMutableRawPointer(row + 4 &* place).storeBytes(of: value, as: SIMD4<Float>.self)
      place &+= 1
    }
    for pixel in 4 * whole..<count { row[pixel] = phases[(pixel & 3) * laneCount + pixel / 4] }
  }

  /// Transforms one kernel: G g Gᵀ, its 36 results `stride` floats apart.
  static func kernel(
    _ g: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>, stride: Int
  ) {
    func line(_ a: Float, _ b: Float, _ c: Float) -> [Float] {
      let (outer, inner) = ((a + c) / 6, b / 6)
      let (far, near) = (a / 24 + c / 6, b / 12)
      return [a / 4, -outer - inner, inner - outer, far + near, far - near, c]
    }
    let columns = (0..<3).map { line(g[$0], g[3 + $0], g[6 + $0]) }
    for row in 0..<6 {
      let values = line(columns[0][row], columns[1][row], columns[2][row])
      for (column, value) in values.enumerated() { target[(6 * row + column) * stride] = value }
    }
  }
}
