import Foundation
import ThumbprintImages

/// Measures of how near one picture is to another.
public enum PictureQuality {
  /// What equal pictures get, whose ratio is infinite, so that means stay finite.
  public static let psnrMax = 100.0

  /// The peak signal-to-noise ratio in decibels over the 8-bit samples of two pictures of one size.
  public static func psnr(_ a: Picture, _ b: Picture) -> Double {
    precondition(
      a.width == b.width && a.height == b.height,
      "sizes differ: \(a.width)×\(a.height), \(b.width)×\(b.height)")
    let sum = zip(a.pixels, b.pixels).reduce(0) {
      $0 + (Int($1.0) - Int($1.1)) * (Int($1.0) - Int($1.1))
    }
    return psnr(squaredErrorSum: sum, sampleCount: a.pixels.count)
  }

  static func binaryLogarithm(_ x: Double) -> Double { log2(x) }

  static func psnr(squaredErrorSum: Int, sampleCount: Int) -> Double {
    guard squaredErrorSum > 0 else { return psnrMax }
    return min(psnrMax, 10 * log10(255 * 255 * Double(sampleCount) / Double(squaredErrorSum)))
  }
}
