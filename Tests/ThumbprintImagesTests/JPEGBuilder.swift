import CJPEG
import Testing

/// A JPEG of any kind TurboJPEG writes.
func jpeg(
  _ samples: [UInt8], width: Int, height: Int, format: TJPF = TJPF_RGB,
  layout: TJSAMP = TJSAMP_444, flags: Int32 = 0
) throws -> [UInt8] {
  let handle = try #require(tjInitCompress())
  defer { tjDestroy(handle) }
  var file: UnsafeMutablePointer<UInt8>?
  var count: UInt = 0
  defer { tjFree(file) }
  let status = tjCompress2(
    handle, samples, Int32(width), 0, Int32(height), Int32(format.rawValue), &file, &count,
    Int32(layout.rawValue), 95, flags)
  try #require(status == 0)
  return Array(UnsafeBufferPointer(start: file, count: Int(count)))
}

/// The file with a segment put behind its first marker.
func inserting(_ marker: UInt8, _ body: [UInt8], into file: [UInt8]) -> [UInt8] {
  let count = body.count + 2
  return Array(file[..<2]) + [0xFF, marker, UInt8(count >> 8), UInt8(count & 255)] + body
    + Array(file[2...])
}
