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
  ///   - variation: How much views of one object differ, 0 (not at all) to 1.
  public init(seed: UInt64, number: Int, view: Int, variation: Float = 1) {
    precondition((0...1).contains(variation), "variation \(variation)")
    var own = SplitMix64(seed: ~seed &* 0xD134_2543_DE82_EF95 &+ UInt64(number))
    let front = Float.random(in: 0..<(2 * .pi), using: &own)
    var generator = SplitMix64(seed: own.next() &+ UInt64(view))
    _ = generator.next()
    /// A number of this view, moved towards the middle of its range as views differ less.
    func drawn(_ range: ClosedRange<Float>) -> Float {
      let middle = (range.lowerBound + range.upperBound) / 2
      return middle + variation * (Float.random(in: range, using: &generator) - middle)
    }
    let azimuth = front + drawn(-0.6...0.6)
    let elevation = drawn(0.12...0.75)
    let roll = drawn(-0.12...0.12)
    let distance = drawn(2.9...3.9)

    let turn = Frame.turned(Vector(0, azimuth, 0))
    let back = turn.out(Frame.turned(Vector(-elevation, 0, 0)).out(Vector(0, 0, 1)))
    let target = variation * Vector.random(in: -0.2...0.2, using: &generator)
    eye = target + back * distance
    let right = Vector(0, 1, 0).cross(back).normalized
    let up = back.cross(right)
    let tilt = Frame.turned(Vector(0, 0, roll))
    camera = Frame(
      x: right * tilt.x.x + up * tilt.x.y, y: right * tilt.y.x + up * tilt.y.y, z: back)
    opening = 0.42

    let sun = Frame.turned(Vector(0, azimuth + drawn(-1.2...1.2), 0))
    light = sun.out(Vector(0, drawn(0.5...1.6), 1)).normalized
    let warmth = drawn(-0.18...0.18)
    lightColor = Color(1 + warmth, 1, 1 - warmth) * drawn(0.75...1.25)
    ambient = Color(1 - warmth, 1, 1 + warmth) * drawn(0.15...0.35)
    // What lies behind the object belongs to the object as far as it does not vary.
    let ownFloor = Texture(from: &own, isCalm: true)
    floor = Texture(from: &generator, isCalm: true).mixed(into: ownFloor, share: variation)
    let ownSkies = (
      Color.random(in: 0.4...0.8, using: &own), Color.random(in: 0.4...0.8, using: &own)
    )
    skyLow = ownSkies.0 + variation * (Color.random(in: 0.4...0.8, using: &generator) - ownSkies.0)
    skyHigh = ownSkies.1 + variation * (Color.random(in: 0.4...0.8, using: &generator) - ownSkies.1)
    exposure = drawn(0.8...1.2)
    noise = Noise(seed: generator.next())
  }

  /// The ray through a place of the picture; both coordinates from -1 to 1, up and to the right.
  func ray(_ x: Float, _ y: Float) -> Ray {
    let direction = camera.x * (x * opening) + camera.y * (y * opening) - camera.z
    return Ray(origin: eye, direction: direction.normalized)
  }
}
