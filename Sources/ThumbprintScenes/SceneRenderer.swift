import ThumbprintImages

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Draws objects by following rays of light backwards: one bounce, hard shadows.
public enum SceneRenderer {
  /// Rays along each side of a pixel.
  private static let samples = 2
  private static let floorHeight: Float = -1

  /// A picture of `side × side` pixels.
  ///
  /// - Parameter side: 1...4096.
  /// - Complexity: O(side²): about 5 µs a pixel of one thread.
  public static func picture(_ object: SceneObject, _ view: SceneView, side: Int) -> Picture {
    precondition((1...4096).contains(side), "a side of \(side) pixels is not in 1...4096")
    var pixels: [UInt8] = []
    pixels.reserveCapacity(3 * side * side)
    let step = 2 / Float(side * samples)
    for row in 0..<side {
      for column in 0..<side {
        var sum = Color()
        for i in 0..<samples {
          for j in 0..<samples {
            let x = -1 + (Float(column * samples + i) + 0.5) * step
            let y = 1 - (Float(row * samples + j) + 0.5) * step
            sum += color(view.ray(x, y), object, view)
          }
        }
        let linear = sum * (view.exposure / Float(samples * samples))
        for channel in 0..<3 {
          // sRGB is close to a power of 1/2.2.
          let value = powf(min(max(linear[channel], 0), 1), 1 / 2.2)
          pixels.append(UInt8(value * 255 + 0.5))
        }
      }
    }
    return Picture(width: side, height: side, pixels: pixels)
  }

  private static func color(_ ray: Ray, _ object: SceneObject, _ view: SceneView) -> Color {
    if let hit = object.hit(ray, above: 1e-3) {
      let place = ray.point(hit.t)
      let base = hit.part.color(at: place)
      return shade(base, place, hit.normal, ray, hit.part.gloss, object, view)
    }
    if ray.direction.y < -1e-4 {
      let t = (floorHeight - ray.origin.y) / ray.direction.y
      let place = ray.point(t)
      let far = min(1, t / 30)
      let base = view.floor.color(at: place * 0.5)
      let near = shade(base, place, Vector(0, 1, 0), ray, 0, object, view)
      return near + (view.skyLow - near) * far
    }
    let height = min(1, max(0, ray.direction.y * 2))
    let cloud = 0.85 + 0.3 * view.noise.rough(ray.direction * 4 + Vector(repeating: 9))
    return (view.skyLow + (view.skyHigh - view.skyLow) * height) * cloud
  }

  private static func shade(
    _ base: Color, _ place: Vector, _ normal: Vector, _ ray: Ray, _ gloss: Float,
    _ object: SceneObject, _ view: SceneView
  ) -> Color {
    let facing = normal.dot(view.light)
    var result = base * view.ambient * (0.75 + 0.25 * normal.y)
    let shadow = Ray(origin: place + normal * 2e-3, direction: view.light)
    guard facing > 0, object.hit(shadow, above: 1e-3) == nil else { return result }
    result += base * view.lightColor * facing
    let half = (view.light - ray.direction).normalized
    result += view.lightColor * (gloss * powf(max(0, normal.dot(half)), 40))
    return result
  }
}
