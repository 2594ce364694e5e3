#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Loops over floats with a fixed order of additions, so that a result has the same bits every time.
package enum Elementwise {
  /// The sum of `count` floats: eight running sums, then those from left to right.
  static func sum(_ x: UnsafePointer<Float>, count: Int) -> Float {
    var lanes = SIMD8<Float>.zero
    let whole = count & ~7
    let raw = UnsafeRawPointer(x)
    var i = 0
    while i < whole {
      lanes += raw.loadUnaligned(fromByteOffset: i &* 4, as: SIMD8<Float>.self)
      i &+= 8
    }
    var total: Float = 0
    for lane in 0..<8 { total += lanes[lane] }
    while i < count {
      total += x[i]
      i &+= 1
    }
    return total
  }

  /// The sum of products of two runs of floats, in the order of ``sum(_:count:)``.
  package static func dot(_ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, count: Int) -> Float
  {
    var lanes = SIMD8<Float>.zero
    let whole = count & ~7
    let (a, b) = (UnsafeRawPointer(x), UnsafeRawPointer(y))
    var i = 0
    while i < whole {
      lanes +=
        a.loadUnaligned(fromByteOffset: i &* 4, as: SIMD8<Float>.self)
        * b.loadUnaligned(fromByteOffset: i &* 4, as: SIMD8<Float>.self)
      i &+= 8
    }
    var total: Float = 0
    for lane in 0..<8 { total += lanes[lane] }
    while i < count {
      total += x[i] * y[i]
      i &+= 1
    }
    return total
  }

  static func tanh(_ x: Float) -> Float { tanhf(x) }
  static func exp(_ x: Float) -> Float { expf(x) }
  static func log(_ x: Float) -> Float { logf(x) }
  static func cosine(_ x: Double) -> Double { cos(x) }
  static func log(_ x: Double) -> Double { logd(x) }
}

private func logd(_ x: Double) -> Double {
  #if canImport(Glibc)
    Glibc.log(x)
  #else
    Musl.log(x)
  #endif
}
