import Foundation
import ThumbprintCoding
import ThumbprintImages
import ThumbprintNets

/// Smooth random pictures: a colour, a slope and a wave.
func thumbnails(_ count: Int, seed: UInt64) -> Thumbnails {
  var pictures = Thumbnails()
  for image in 0..<count {
    var random = NetRandom(seed, UInt64(image))
    let colors = (0..<3).map { _ in 60 + 130 * random.unit() }
    let (a, b, c) = (2 * random.normal(), 2 * random.normal(), 25 * random.unit())
    let period = 3 + random.integer(below: 8)
    var pixels: [UInt8] = []
    for row in 0..<32 {
      for column in 0..<32 {
        let wave = (row / period + column / period) % 2 == 0 ? c : -c
        for channel in 0..<3 {
          let value = colors[channel] + a * Float(row - 16) + b * Float(column - 16) + wave
          pixels.append(UInt8(min(255, max(0, value))))
        }
      }
    }
    pictures.append(Picture(width: 32, height: 32, pixels: pixels))
  }
  return pictures
}

/// Calls `body` with a new folder that is removed afterwards.
func withTemporaryFolder(_ body: (String) throws -> Void) throws {
  let folder = FileManager.default.temporaryDirectory.path + "/thumbprint-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  try body(folder)
}
