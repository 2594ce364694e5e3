import ThumbprintCodes

/// How an object is looked at: from where, in what light, before what background.
public struct SceneView: Sendable {
  let camera: Frame
  let eye: Vector
  /// Half the width of the picture at a distance of 1.
  let opening: Float
  /// Where the light comes from.
  let light: Vector
  let lightColor: Color
  let ambient: Color
  let floor: Texture
  let skyLow: Color
  let skyHigh: Color
  let exposure: Float
  let noise: Noise

  /// - Parameters:
  ///   - seed: Of the set.
  ///   - number: Of the object; view 0 of every object has a background of its own too.
  ///   - view: Of that object; views of one object look at it from the same side, within some 35°.
  public init(seed: UInt64, number: Int, view: Int) {
    var own = SplitMix64(seed: ~seed &* 0xD134_2543_DE82_EF95 &+ UInt64(number))
    let front = Float.random(in: 0..<(2 * .pi), using: &own)
    var generator = SplitMix64(seed: own.next() &+ UInt64(view))
    _ = generator.next()
    let azimuth = front + .random(in: -0.6...0.6, using: &generator)
    let elevation = Float.random(in: 0.12...0.75, using: &generator)
    let roll = Float.random(in: -0.12...0.12, using: &generator)
    let distance = Float.random(in: 2.9...3.9, using: &generator)

    let turn = Frame.turned(Vector(0, azimuth, 0))
    let back = turn.out(Frame.turned(Vector(-elevation, 0, 0)).out(Vector(0, 0, 1)))
    let target = Vector.random(in: -0.2...0.2, using: &generator)
    eye = target + back * distance
    let right = Vector(0, 1, 0).cross(back).normalized
    let up = back.cross(right)
    let tilt = Frame.turned(Vector(0, 0, roll))
    camera = Frame(
      x: right * tilt.x.x + up * tilt.x.y, y: right * tilt.y.x + up * tilt.y.y, z: back)
    opening = 0.42

    let sun = Frame.turned(Vector(0, azimuth + .random(in: -1.2...1.2, using: &generator), 0))
    light =
      sun.out(
        Vector(0, .random(in: 0.5...1.6, using: &generator), 1)
      ).normalized
    let warmth = Float.random(in: -0.18...0.18, using: &generator)
    lightColor =
      Color(1 + warmth, 1, 1 - warmth) * Float.random(in: 0.75...1.25, using: &generator)
    ambient = Color(1 - warmth, 1, 1 + warmth) * Float.random(in: 0.15...0.35, using: &generator)
    floor = Texture(from: &generator, isCalm: true)
    skyLow = Color.random(in: 0.4...0.8, using: &generator)
    skyHigh = Color.random(in: 0.4...0.8, using: &generator)
    exposure = .random(in: 0.8...1.2, using: &generator)
    noise = Noise(seed: generator.next())
  }

  /// The ray through a place of the picture; both coordinates from -1 to 1, up and to the right.
  func ray(_ x: Float, _ y: Float) -> Ray {
    let direction = camera.x * (x * opening) + camera.y * (y * opening) - camera.z
    return Ray(origin: eye, direction: direction.normalized)
  }
}
