#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

typealias Vector = SIMD3<Float>

extension Vector {
  func dot(_ other: Vector) -> Float { (self * other).sum() }

  func cross(_ b: Vector) -> Vector {
    Vector(y * b.z - z * b.y, z * b.x - x * b.z, x * b.y - y * b.x)
  }

  var length: Float { dot(self).squareRoot() }
  var normalized: Vector { self / Swift.max(length, 1e-12) }
}

/// Three orthogonal axes of length 1.
struct Frame: Sendable {
  var x: Vector
  var y: Vector
  var z: Vector

  static let upright = Frame(x: Vector(1, 0, 0), y: Vector(0, 1, 0), z: Vector(0, 0, 1))

  /// Turned about its axes: first about x, then y, then z; angles in radians.
  static func turned(_ angles: Vector) -> Frame {
    let (cx, sx) = (cosf(angles.x), sinf(angles.x))
    let (cy, sy) = (cosf(angles.y), sinf(angles.y))
    let (cz, sz) = (cosf(angles.z), sinf(angles.z))
    return Frame(
      x: Vector(cy * cz, cy * sz, -sy),
      y: Vector(sx * sy * cz - cx * sz, sx * sy * sz + cx * cz, sx * cy),
      z: Vector(cx * sy * cz + sx * sz, cx * sy * sz - sx * cz, cx * cy))
  }

  /// A vector given in this frame, in the frame around it.
  func out(_ v: Vector) -> Vector { x * v.x + y * v.y + z * v.z }
  /// The other way round.
  func into(_ v: Vector) -> Vector { Vector(v.dot(x), v.dot(y), v.dot(z)) }
}

/// Points `origin + t · direction` with `t > 0`.
struct Ray {
  var origin: Vector
  var direction: Vector

  func point(_ t: Float) -> Vector { origin + direction * t }
}

/// A body that fills about the cube from -1 to 1, before it is stretched.
enum Shape: CaseIterable, Sendable {
  case ball
  case box
  case cylinder
  case cone

  /// Where a ray first meets the body: its parameter, above `least`, and the normal there, of any
  /// length.
  func hit(_ ray: Ray, above least: Float) -> (t: Float, normal: Vector)? {
    switch self {
    case .ball: ball(ray, above: least)
    case .box: box(ray, above: least)
    case .cylinder: round(ray, above: least, isCone: false)
    case .cone: round(ray, above: least, isCone: true)
    }
  }

  /// The least solution of `a·t² + 2·b·t + c = 0` above a bound that `accepts`.
  private func solve(
    _ a: Float, _ b: Float, _ c: Float, above least: Float, accepts: (Float) -> Bool
  ) -> Float? {
    guard abs(a) > 1e-9 else { return nil }
    let inside = b * b - a * c
    guard inside >= 0 else { return nil }
    let root = inside.squareRoot()
    let (one, two) = ((-b - root) / a, (-b + root) / a)
    for t in [min(one, two), max(one, two)] where t > least && accepts(t) { return t }
    return nil
  }

  private func ball(_ ray: Ray, above least: Float) -> (t: Float, normal: Vector)? {
    let (o, d) = (ray.origin, ray.direction)
    return solve(d.dot(d), o.dot(d), o.dot(o) - 1, above: least) { _ in true }
      .map { ($0, ray.point($0)) }
  }

  private func box(_ ray: Ray, above least: Float) -> (t: Float, normal: Vector)? {
    var (near, far) = (-Float.infinity, Float.infinity)
    var (nearAxis, farAxis) = (0, 0)
    for axis in 0..<3 {
      let (o, d) = (ray.origin[axis], ray.direction[axis])
      if abs(d) < 1e-9 {
        if abs(o) > 1 { return nil }
        continue
      }
      let (one, two) = ((-1 - o) / d, (1 - o) / d)
      if min(one, two) > near { (near, nearAxis) = (min(one, two), axis) }
      if max(one, two) < far { (far, farAxis) = (max(one, two), axis) }
    }
    guard near <= far else { return nil }
    let (t, axis) = near > least ? (near, nearAxis) : (far, farAxis)
    guard t > least else { return nil }
    var normal = Vector()
    normal[axis] = ray.point(t)[axis] > 0 ? 1 : -1
    return (t, normal)
  }

  /// About the y axis: of radius 1, or with its tip at y = 1 and radius 1 at y = -1.
  private func round(_ ray: Ray, above least: Float, isCone: Bool) -> (t: Float, normal: Vector)? {
    let (o, d) = (ray.origin, ray.direction)
    var (a, b, c) = (d.x * d.x + d.z * d.z, o.x * d.x + o.z * d.z, o.x * o.x + o.z * o.z)
    if isCone {
      let height = 1 - o.y
      a -= d.y * d.y / 4
      b += height * d.y / 4
      c -= height * height / 4
    } else {
      c -= 1
    }
    var best: (t: Float, normal: Vector)?
    if let t = solve(a, b, c, above: least, accepts: { abs(ray.point($0).y) <= 1 }) {
      let p = ray.point(t)
      best = (t, isCone ? Vector(p.x, (1 - p.y) / 4, p.z) : Vector(p.x, 0, p.z))
    }
    for y in isCone ? [-1] : [-1, 1] as [Float] where abs(d.y) > 1e-9 {
      let t = (y - o.y) / d.y
      let p = ray.point(t)
      if t > least, t < best?.t ?? .infinity, p.x * p.x + p.z * p.z <= 1 {
        best = (t, Vector(0, y, 0))
      }
    }
    return best
  }
}
