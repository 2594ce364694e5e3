import ThumbprintCodes

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Linear red, green and blue, 0 to about 1.
typealias Color = SIMD3<Float>

/// Smooth random numbers in space: values at whole places, interpolated (Perlin's value noise).
struct Noise: Sendable {
  let seed: UInt64

  private func value(_ x: Int, _ y: Int, _ z: Int) -> Float {
    var mixer = SplitMix64(
      seed: seed &+ UInt64(bitPattern: Int64(x &* 73_856_093 ^ y &* 19_349_663 ^ z &* 83_492_791)))
    return Float(mixer.next() >> 40) * 0x1p-24
  }

  /// In 0..<1.
  func at(_ p: Vector) -> Float {
    let base = p.rounded(.down)
    let f = p - base
    let s = f * f * (Vector(repeating: 3) - 2 * f)
    let (x, y, z) = (Int(base.x), Int(base.y), Int(base.z))
    func row(_ j: Int, _ k: Int) -> Float {
      let a = value(x, y + j, z + k)
      return a + (value(x + 1, y + j, z + k) - a) * s.x
    }
    func sheet(_ k: Int) -> Float {
      let a = row(0, k)
      return a + (row(1, k) - a) * s.y
    }
    let a = sheet(0)
    return a + (sheet(1) - a) * s.z
  }

  /// Three scales of noise, each half as strong as the one before; in 0..<1.
  func rough(_ p: Vector) -> Float {
    (4 * at(p) + 2 * at(p * 2.03) + at(p * 4.01)) / 7
  }
}

/// Colours of a solid: what is seen where its surface cuts it.
struct Texture: Sendable {
  enum Pattern: CaseIterable, Sendable {
    case plain, checks, stripes, dots, marble, wood, bricks, patches, glyphs
  }

  let pattern: Pattern
  /// At least three.
  let colors: [Color]
  /// Repeats across a length of 1.
  let frequency: Float
  let frame: Frame
  let noise: Noise
  /// 8 × 8 dots, symmetric as letters and emblems are.
  let glyph: UInt64

  /// - Parameter isCalm: Whether the colours are dull and close to each other, as of what lies
  ///   behind a thing.
  init(from generator: inout SplitMix64, isCalm: Bool = false) {
    // Plain bodies are hard to tell apart, so they are rarer than patterns.
    var pattern = Pattern.allCases.randomElement(using: &generator) ?? .plain
    if pattern == .plain { pattern = Pattern.allCases.randomElement(using: &generator) ?? .plain }
    self.pattern = pattern
    let hue = Float.random(in: 0..<1, using: &generator)
    colors = (0..<4).map { i in
      let turn = i == 0 ? 0 : Float.random(in: -0.5...0.5, using: &generator)
      let color = Self.color(
        hue: hue + turn, saturation: .random(in: 0.15...0.95, using: &generator),
        value: .random(in: i % 2 == 0 ? 0.45...1 : 0.06...0.7, using: &generator))
      return isCalm ? color * 0.35 + Color(repeating: 0.25) : color
    }
    frequency = .random(in: 1.2...4.5, using: &generator)
    frame = .turned(Vector.random(in: -3...3, using: &generator))
    noise = Noise(seed: generator.next())
    let half = generator.next() | generator.next() & generator.next()
    glyph = (0..<8).reduce(0) { bits, row in
      let byte = UInt8(truncatingIfNeeded: half >> UInt64(8 * row)) & 0x0F
      let mirrored = (0..<4).reduce(UInt8(0)) { $0 | (byte >> $1 & 1) << (7 - $1) }
      return bits | UInt64(byte | mirrored) << UInt64(8 * row)
    }
  }

  private init(_ texture: Texture, colors: [Color]) {
    pattern = texture.pattern
    self.colors = colors
    frequency = texture.frequency
    frame = texture.frame
    noise = texture.noise
    glyph = texture.glyph
  }

  /// The pattern of whichever has the greater share, in colours of both.
  ///
  /// - Parameter share: Of this texture, 0 to 1; at 1 it is this texture.
  func mixed(into other: Texture, share: Float) -> Texture {
    Texture(
      share < 0.5 ? other : self,
      colors: zip(colors, other.colors).map { $1 + share * ($0 - $1) })
  }

  private static func color(hue: Float, saturation: Float, value: Float) -> Color {
    let base = hue - hue.rounded(.down)
    let channels = Vector(base + 1, base + 2 / 3, base + 1 / 3)
    var color = Color()
    for i in 0..<3 {
      let place = channels[i] - channels[i].rounded(.down)
      color[i] = min(max(abs(place * 6 - 3) - 1, 0), 1)
    }
    return (Color(repeating: 1 - saturation) + color * saturation) * value
  }

  /// The colour at a place of the body's own space.
  func color(at place: Vector) -> Color {
    let p = frame.into(place) * frequency
    let cell = p.rounded(.down)
    let f = p - cell
    switch pattern {
    case .plain: return colors[0] * (0.9 + 0.2 * noise.rough(p * 2))
    case .checks:
      return colors[(Int(cell.x) + Int(cell.y) + Int(cell.z)) & 1]
    case .stripes:
      return colors[f.x < 0.45 ? 0 : f.x < 0.6 ? 1 : f.x < 0.9 ? 2 : 3]
    case .dots:
      return (f - Vector(repeating: 0.5)).length < 0.36 ? colors[1] : colors[0]
    case .marble:
      let wave = sinf(6 * p.x + 9 * noise.rough(p))
      return colors[0] + (colors[1] - colors[0]) * (0.5 + 0.5 * wave)
    case .wood:
      let ring = (p.x * p.x + p.z * p.z).squareRoot() * 2.5 + 1.5 * noise.at(p)
      let share = ring - ring.rounded(.down)
      return colors[0] + (colors[2] * 0.5 - colors[0]) * share
    case .bricks:
      let shift: Float = Int(cell.y) & 1 == 0 ? 0 : 0.5
      let along = p.x * 0.5 + shift
      let inside = along - along.rounded(.down)
      return f.y < 0.12 || inside < 0.07 ? colors[3] : colors[0] * (0.8 + 0.4 * noise.at(cell))
    case .patches:
      return colors[min(3, Int(noise.at(p * 1.3) * 5.2) % 4)]
    case .glyphs:
      let bit = UInt64(min(7, Int(f.y * 8)) * 8 + min(7, Int(f.x * 8)))
      return glyph >> bit & 1 == 1 ? colors[1] : colors[0]
    }
  }
}
