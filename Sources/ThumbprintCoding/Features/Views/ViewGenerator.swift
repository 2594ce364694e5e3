import Foundation
import ThumbprintImages
import ThumbprintNets

/// Makes pictures that look like other photographs of the same thing: a stand-in for sets such as
/// UKBench, whose groups are four views of one object.
///
/// Everything grows with ``strength`` `k`, and each view is independent of the others. The
/// photograph, scaled to a short side of 256, is continued by its mirror image; a view is the
/// picture of a quadrilateral in it:
///
/// - side `U(1 − k/2, 1)` of the short side, aspect `exp U(−0.2 k, 0.2 k)`, turned by
///   `U(−35 k, 35 k)` degrees, its centre within 0.8 of where it fits, each corner moved away from
///   or towards the centre by `U(−0.18 k, 0.18 k)`;
/// - with probability `k/2` blurred (Gaussian, deviation `U(0.3, 1.8)` pixels);
/// - gamma `exp U(−0.45 k, 0.45 k)`, contrast `1 + U(−0.35 k, 0.35 k)`, brightness
///   `U(−0.12 k, 0.12 k)`, each channel times `exp U(−0.15 k, 0.15 k)`;
/// - with probability ½ noise of deviation `U(0, 0.06 k)`; with probability `k/2` a grey square of
///   an eighth to a third of the side over it;
/// - saved as a JPEG of quality `U(35, 92)`.
public struct ViewGenerator: Sendable, Equatable {
  /// Rows and columns of a view: 128.
  public static let side = 128
  /// The shorter side of the photograph that views are cut from: 256.
  public static let photographSide = 256

  /// The stand-in for UKBench that the project's figures use: `k` = 0.5.
  public static let mild = ViewGenerator(strength: 0.5)
  /// `k` = 1.
  public static let hard = ViewGenerator(strength: 1)

  /// `k`, `0...1`.
  public let strength: Double

  public init(strength: Double) {
    precondition(strength >= 0 && strength <= 1, "a strength is in 0...1, not \(strength)")
    self.strength = strength
  }

  /// The photograph at the size that views are cut from.
  public static func scaled(_ photograph: Picture) -> Picture {
    let short = min(photograph.width, photograph.height)
    func size(_ length: Int) -> Int {
      min(
        Picture.sideMax,
        max(1, Int((Double(length) * Double(photographSide) / Double(short)).rounded())))
    }
    return photograph.resized(
      width: size(photograph.width), height: size(photograph.height), filter: .bicubic)
  }

  /// One view as a JPEG file; a function of photograph, strength, seed and numbers alone.
  ///
  /// - Parameters:
  ///   - photograph: As ``scaled(_:)`` returns it.
  ///   - number: The number of the photograph.
  ///   - view: The number of the view.
  public func jpeg(
    of photograph: Picture, seed: UInt64, photograph number: Int, view: Int
  ) throws(ImagesError) -> [UInt8] {
    var random = NetRandom(seed, 5, UInt64(number), UInt64(view))
    var canvas = cut(photograph, &random)
    if chance(strength / 2, &random) { canvas.blur(uniform(0.3, 1.8, &random)) }
    light(&canvas, &random)
    if chance(0.5, &random) {
      let deviation = uniform(0, 0.06 * strength, &random)
      for i in canvas.values.indices { canvas.values[i] += Float(deviation) * random.normal() }
    }
    if chance(strength / 2, &random) { cover(&canvas, &random) }
    let quality = 35 + random.integer(below: 58)
    return try canvas.picture.jpeg(quality: quality)
  }

  /// One view as it looks when its file is read again.
  public func view(
    of photograph: Picture, seed: UInt64, photograph number: Int, view: Int
  ) throws(ImagesError) -> Picture {
    try PictureReader.decode(
      try jpeg(of: photograph, seed: seed, photograph: number, view: view))
  }

  private func uniform(_ low: Double, _ high: Double, _ random: inout NetRandom) -> Double {
    low + (high - low) * Double(random.unit())
  }

  private func chance(_ probability: Double, _ random: inout NetRandom) -> Bool {
    Double(random.unit()) < probability
  }

  /// Pixels of the view whose place the generator has drawn.
  private func cut(_ photograph: Picture, _ random: inout NetRandom) -> ViewCanvas {
    let k = strength
    let (width, height) = (Double(photograph.width), Double(photograph.height))
    let side = uniform(1 - 0.5 * k, 1, &random) * min(width, height)
    let aspect = exp(uniform(-0.2, 0.2, &random) * k)
    let (w, h) = (side * aspect.squareRoot(), side / aspect.squareRoot())
    let angle = uniform(-35, 35, &random) * k * .pi / 180
    let x = width / 2 + uniform(-1, 1, &random) * 0.4 * max(0, width - w)
    let y = height / 2 + uniform(-1, 1, &random) * 0.4 * max(0, height - h)
    let corners = [(-1.0, -1.0), (1, -1), (1, 1), (-1, 1)].map { corner in
      let dx = corner.0 * w / 2 * (1 + uniform(-0.18, 0.18, &random) * k)
      let dy = corner.1 * h / 2 * (1 + uniform(-0.18, 0.18, &random) * k)
      return (
        x: x + dx * cos(angle) - dy * sin(angle), y: y + dx * sin(angle) + dy * cos(angle)
      )
    }
    return ViewCanvas(of: photograph, Perspective(corners), side: Self.side)
  }

  /// Gamma, contrast, brightness, and the colour of the light.
  private func light(_ canvas: inout ViewCanvas, _ random: inout NetRandom) {
    let k = strength
    let gamma = Float(exp(uniform(-0.45, 0.45, &random) * k))
    let contrast = Float(1 + uniform(-0.35, 0.35, &random) * k)
    let brightness = Float(uniform(-0.12, 0.12, &random) * k)
    let gains = (0..<3).map { _ in Float(exp(uniform(-0.15, 0.15, &random) * k)) }
    for i in canvas.values.indices {
      let value = powf(max(0, min(1, canvas.values[i])), gamma)
      canvas.values[i] = ((value - 0.5) * contrast + 0.5 + brightness) * gains[i % 3]
    }
  }

  /// Lays a grey square over the view.
  private func cover(_ canvas: inout ViewCanvas, _ random: inout NetRandom) {
    let least = canvas.side / 8
    let size = least + random.integer(below: canvas.side / 3 - least + 1)
    let left = random.integer(below: canvas.side - size + 1)
    let top = random.integer(below: canvas.side - size + 1)
    let grey = random.unit()
    for row in top..<top + size {
      let start = 3 * (row * canvas.side + left)
      for i in start..<start + 3 * size { canvas.values[i] = grey }
    }
  }
}
