/// What the markers of a JPEG before its first scan say.
struct JPEGHeader {
  /// Whether a decoder must hold all coefficients of the picture at once: progressive files, and
  /// those whose first scan does not hold all components.
  private(set) var needsWholePicture = false
  private(set) var orientation = Orientation.upright
  /// Whether Adobe's marker is there; then CMYK is stored inverted.
  private(set) var hasAdobeMarker = false

  init(_ bytes: [UInt8]) throws(ImagesError) {
    var at = 2
    var componentCount: Int?
    while true {
      guard at + 4 <= bytes.count else { throw Self.end }
      guard bytes[at] == 0xFF else {
        throw ImagesError(.damaged, "JPEG: no marker at byte \(at)")
      }
      let marker = bytes[at + 1]
      if marker == 0xFF {
        at += 1
        continue
      }
      if marker == 0x01 || (0xD0...0xD8).contains(marker) {
        at += 2
        continue
      }
      guard marker != 0xD9, marker != 0 else {
        throw ImagesError(.damaged, "JPEG: there is no picture before byte \(at)")
      }
      let count = Int(bytes[at + 2]) << 8 | Int(bytes[at + 3])
      guard count >= 2 else {
        throw ImagesError(.damaged, "JPEG: a segment of \(count) bytes at byte \(at)")
      }
      let body = at + 4..<at + 2 + count
      guard body.upperBound <= bytes.count else { throw Self.end }
      switch marker {
      case 0xC0...0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
        guard body.count >= 6 else {
          throw ImagesError(.damaged, "JPEG: a frame header of \(count) bytes at byte \(at)")
        }
        needsWholePicture = marker != 0xC0 && marker != 0xC1
        componentCount = Int(bytes[body.lowerBound + 5])
      case 0xDA:
        guard let componentCount, !body.isEmpty else {
          throw ImagesError(.damaged, "JPEG: a scan at byte \(at) before the frame header")
        }
        if Int(bytes[body.lowerBound]) < componentCount { needsWholePicture = true }
        return
      case 0xE1 where bytes[body].starts(with: "Exif\0\0".utf8):
        orientation = bytes.withUnsafeBytes {
          Orientation(
            exif: UnsafeRawBufferPointer(rebasing: $0[body.lowerBound + 6..<body.upperBound]))
        }
      case 0xEE where bytes[body].starts(with: "Adobe".utf8): hasAdobeMarker = true
      default: break
      }
      at = body.upperBound
    }
  }

  private static let end = ImagesError(.truncated, "JPEG: the file ends inside its header")
}
