import Foundation
import ThumbprintImages

/// The projective map from the unit square to a quadrilateral.
///
/// Source: Heckbert, "Fundamentals of texture mapping and image warping", 1989, section 2.2.3.
package struct Perspective {
  private let a, b, c, d, e, f, g, h: Double

  /// - Parameter corners: Where (0, 0), (1, 0), (1, 1) and (0, 1) go.
  package init(_ corners: [(x: Double, y: Double)]) {
    let (p0, p1, p2, p3) = (corners[0], corners[1], corners[2], corners[3])
    let (dx1, dx2, dx3) = (p1.x - p2.x, p3.x - p2.x, p0.x - p1.x + p2.x - p3.x)
    let (dy1, dy2, dy3) = (p1.y - p2.y, p3.y - p2.y, p0.y - p1.y + p2.y - p3.y)
    let scale = dx1 * dy2 - dx2 * dy1
    g = (dx3 * dy2 - dx2 * dy3) / scale
    h = (dx1 * dy3 - dx3 * dy1) / scale
    a = p1.x - p0.x + g * p1.x
    b = p3.x - p0.x + h * p3.x
    c = p0.x
    d = p1.y - p0.y + g * p1.y
    e = p3.y - p0.y + h * p3.y
    f = p0.y
  }

  package func callAsFunction(_ u: Double, _ v: Double) -> (x: Double, y: Double) {
    let w = g * u + h * v + 1
    return ((a * u + b * v + c) / w, (d * u + e * v + f) / w)
  }
}

/// A square picture in floats, 0…1, red, green, blue of each pixel together.
struct ViewCanvas {
  let side: Int
  var values: [Float]

  /// Samples a photograph, continued by its mirror image, along a map from the unit square:
  /// bilinear, four samples a pixel against aliasing.
  init(of photograph: Picture, _ map: Perspective, side: Int) {
    self.side = side
    let (width, height) = (photograph.width, photograph.height)
    let step = 1 / Double(2 * side)
    values = [Float](unsafeUninitializedCapacity: 3 * side * side) { target, count in
      photograph.pixels.withUnsafeBufferPointer { source in
        for pixel in 0..<side * side {
          var sums = SIMD4<Float>.zero
          for sample in 0..<4 {
            let u = (Double(2 * (pixel % side) + (sample & 1)) + 0.5) * step
            let v = (Double(2 * (pixel / side) + (sample >> 1)) + 0.5) * step
            let place = map(u, v)
            let (x, y) = (place.x - 0.5, place.y - 0.5)
            let (left, top) = (x.rounded(.down), y.rounded(.down))
            let (fx, fy) = (Float(x - left), Float(y - top))
            let (x0, y0) = (Int(left), Int(top))
            let columns = (Self.mirror(x0, width), Self.mirror(x0 + 1, width))
            let rows = (
              Self.mirror(y0, height) * width, Self.mirror(y0 + 1, height) * width
            )
            sums += Self.pixel(source, rows.0 + columns.0) * ((1 - fx) * (1 - fy))
            sums += Self.pixel(source, rows.0 + columns.1) * (fx * (1 - fy))
            sums += Self.pixel(source, rows.1 + columns.0) * ((1 - fx) * fy)
            sums += Self.pixel(source, rows.1 + columns.1) * (fx * fy)
          }
          for channel in 0..<3 { target[3 * pixel + channel] = sums[channel] * (1 / 1020) }
        }
      }
      count = 3 * side * side
    }
  }

  @inline(__always)
  private static func pixel(_ source: UnsafeBufferPointer<UInt8>, _ index: Int) -> SIMD4<Float> {
    SIMD4(
      Float(source[3 * index]), Float(source[3 * index + 1]), Float(source[3 * index + 2]), 0)
  }

  /// The place inside `0..<count` whose mirror images repeat at `index`: … 1 0 | 0 1 2 …
  @inline(__always)
  static func mirror(_ index: Int, _ count: Int) -> Int {
    if index >= 0 && index < count { return index }
    let period = 2 * count
    let place = ((index % period) + period) % period
    return place < count ? place : period - 1 - place
  }

  /// A Gaussian blur, the border continued by its mirror image.
  mutating func blur(_ deviation: Double) {
    let reach = Int((3 * deviation).rounded(.up))
    var kernel = (-reach...reach).map { Float(exp(-Double($0 * $0) / (2 * deviation * deviation))) }
    let total = kernel.reduce(0, +)
    for i in kernel.indices { kernel[i] /= total }
    values = Self.convolved(values, side: side, kernel: kernel, isVertical: false)
    values = Self.convolved(values, side: side, kernel: kernel, isVertical: true)
  }

  private static func convolved(
    _ values: [Float], side: Int, kernel: [Float], isVertical: Bool
  ) -> [Float] {
    var result = [Float](repeating: 0, count: values.count)
    let reach = kernel.count / 2
    values.withUnsafeBufferPointer { source in
      result.withUnsafeMutableBufferPointer { target in
        for line in 0..<side {
          for place in 0..<side {
            let out = isVertical ? place * side + line : line * side + place
            for (tap, weight) in kernel.enumerated() {
              let other = mirror(place + tap - reach, side)
              let index = isVertical ? other * side + line : line * side + other
              for channel in 0..<3 {
                target[3 * out + channel] += weight * source[3 * index + channel]
              }
            }
          }
        }
      }
    }
    return result
  }

  /// In bytes, clamped and rounded.
  var picture: Picture {
    Picture(
      width: side, height: side,
      pixels: values.map { UInt8(max(0, min(255, ($0 * 255).rounded()))) })
  }
}
