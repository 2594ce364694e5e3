import ThumbprintCodes

/// A thing of up to four textured bodies, made up from a number: the same on every machine.
public struct SceneObject: Sendable {
  struct Part: Sendable {
    let shape: Shape
    let centre: Vector
    /// Half the extent along each axis of the part.
    let size: Vector
    let frame: Frame
    let texture: Texture
    /// Of the highlight, 0...1.
    let gloss: Float

    func hit(_ ray: Ray, above least: Float) -> (t: Float, normal: Vector)? {
      let own = Ray(
        origin: frame.into(ray.origin - centre) / size, direction: frame.into(ray.direction) / size)
      guard let hit = shape.hit(own, above: least) else { return nil }
      return (hit.t, frame.out(hit.normal / size).normalized)
    }

    func color(at place: Vector) -> Color { texture.color(at: frame.into(place - centre)) }
  }

  let parts: [Part]

  /// - Parameters:
  ///   - seed: Of the set that the object belongs to.
  ///   - number: Of the object in it.
  public init(seed: UInt64, number: Int) {
    var generator = SplitMix64(seed: seed &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(number))
    _ = generator.next()
    let count = [1, 2, 2, 3, 3, 4].randomElement(using: &generator) ?? 1
    var parts: [Part] = []
    var height: Float = -1
    // A pile of bodies, the way that lamps, cups and toys are.
    for i in 0..<count {
      let share = 2 / Float(count)
      let half = share * .random(in: 0.4...0.6, using: &generator)
      let width = Float.random(in: 0.3...0.85, using: &generator)
      let size = Vector(width, half, width * .random(in: 0.6...1, using: &generator))
      let lean = i == 0 ? Vector() : Vector.random(in: -0.25...0.25, using: &generator)
      parts.append(
        Part(
          shape: Shape.allCases.randomElement(using: &generator) ?? .ball,
          centre: Vector(
            .random(in: -0.15...0.15, using: &generator), height + half,
            .random(in: -0.15...0.15, using: &generator)),
          size: size, frame: .turned(lean), texture: Texture(from: &generator),
          gloss: .random(in: 0...0.8, using: &generator)))
      height += 1.8 * half
    }
    self.parts = parts
  }

  func hit(_ ray: Ray, above least: Float) -> (t: Float, normal: Vector, part: Part)? {
    var best: (t: Float, normal: Vector, part: Part)?
    for part in parts {
      if let hit = part.hit(ray, above: least), hit.t < best?.t ?? .infinity {
        best = (hit.t, hit.normal, part)
      }
    }
    return best
  }
}
