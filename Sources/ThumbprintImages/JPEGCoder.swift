import CJPEG

/// The one place that calls libjpeg-turbo, by TurboJPEG, which returns errors instead of by long
/// jumps.
enum JPEGCoder {
  static func decode(
    _ bytes: [UInt8], sideMin: Int?, limits: DecodingLimits
  ) throws(ImagesError) -> Picture {
    let header = try JPEGHeader(bytes)
    guard let handle = tjInitDecompress() else {
      throw ImagesError(.io, "JPEG: there is no memory for a decoder")
    }
    defer { tjDestroy(handle) }
    var (width, height, subsampling, colors): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
    guard
      tjDecompressHeader3(
        handle, bytes, UInt(bytes.count), &width, &height, &subsampling, &colors) == 0,
      width > 0, height > 0
    else { throw failure(handle) }
    let scale = try scale(
      width: Int(width), height: Int(height), sideMin: sideMin,
      needsWholePicture: header.needsWholePicture, limits: limits)
    let scaledWidth = (Int(width) * scale + 7) / 8
    let scaledHeight = (Int(height) * scale + 7) / 8

    let isInked = colors == Int32(TJCS_CMYK.rawValue) || colors == Int32(TJCS_YCCK.rawValue)
    let format = isInked ? TJPF_CMYK : TJPF_RGB
    let pixelCount = scaledWidth * scaledHeight
    var pixels = [UInt8](repeating: 0, count: (isInked ? 4 : 3) * pixelCount)
    let status = tjDecompress2(
      handle, bytes, UInt(bytes.count), &pixels, Int32(scaledWidth), 0, Int32(scaledHeight),
      Int32(format.rawValue), TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS)
    if status != 0 {
      let error = failure(handle)
      let isHarmless =
        tjGetErrorCode(handle) == Int32(TJERR_WARNING.rawValue)
        && harmlessWarnings.contains { error.message.contains($0) }
      guard isHarmless else { throw error }
    }
    if isInked { uninkify(&pixels, pixelCount: pixelCount, isInverted: header.hasAdobeMarker) }
    return Picture(width: scaledWidth, height: scaledHeight, pixels: pixels)
      .upright(header.orientation)
  }

  /// Oddities after which the picture is whole all the same.
  private static let harmlessWarnings = ["extraneous bytes", "Adobe color transform"]

  /// The eighths of its size at which to decode.
  private static func scale(
    width: Int, height: Int, sideMin: Int?, needsWholePicture: Bool, limits: DecodingLimits
  ) throws(ImagesError) -> Int {
    let bound = needsWholePicture ? limits.pixelCountMax : limits.scaledPixelCountMax
    guard width * height <= bound else {
      throw ImagesError(
        .tooLarge,
        "\(width)×\(height) pixels are above the bound of \(bound) for this kind of JPEG")
    }
    func pixelCount(_ scale: Int) -> Int { ((width * scale + 7) / 8) * ((height * scale + 7) / 8) }
    guard let most = (1...8).last(where: { pixelCount($0) <= limits.pixelCountMax }) else {
      throw ImagesError(
        .tooLarge,
        "\(width)×\(height) pixels, at an eighth, are above the bound of \(limits.pixelCountMax)")
    }
    guard let sideMin else { return most }
    let least = (1...8).first { min(width, height) * $0 / 8 >= sideMin } ?? 8
    return min(most, least)
  }

  /// CMYK to RGB, in place. Without a colour profile: ink multiplies, as in libjpeg's own users.
  private static func uninkify(_ pixels: inout [UInt8], pixelCount: Int, isInverted: Bool) {
    pixels.withUnsafeMutableBufferPointer { p in
      let flip = isInverted ? 0 : 255
      for i in 0..<pixelCount {
        let light = Int(p[4 * i + 3]) ^ flip
        for c in 0..<3 {
          p[3 * i + c] = UInt8(((Int(p[4 * i + c]) ^ flip) * light + 127) / 255)
        }
      }
    }
    pixels.removeLast(pixelCount)
  }

  /// Encodes a picture.
  ///
  /// - Parameter quality: 1...100, the scale of libjpeg.
  static func encode(
    _ picture: Picture, quality: Int, subsampling: ChromaSubsampling
  ) throws(ImagesError) -> [UInt8] {
    precondition((1...100).contains(quality), "a quality is in 1...100, not \(quality)")
    guard let handle = tjInitCompress() else {
      throw ImagesError(.io, "JPEG: there is no memory for an encoder")
    }
    defer { tjDestroy(handle) }
    var file: UnsafeMutablePointer<UInt8>?
    var byteCount: UInt = 0
    defer { tjFree(file) }
    let layout = subsampling == .half ? TJSAMP_420 : TJSAMP_444
    let status = tjCompress2(
      handle, picture.pixels, Int32(picture.width), 0, Int32(picture.height),
      Int32(TJPF_RGB.rawValue), &file, &byteCount, Int32(layout.rawValue), Int32(quality),
      TJFLAG_ACCURATEDCT)
    guard status == 0, let file else { throw failure(handle) }
    return Array(UnsafeBufferPointer(start: file, count: Int(byteCount)))
  }

  private static func failure(_ handle: tjhandle) -> ImagesError {
    let message = String(cString: tjGetErrorStr2(handle))
    let isShort = message.contains("Premature end") || message.contains("no image")
    return ImagesError(isShort ? .truncated : .damaged, "JPEG: \(message)")
  }
}

/// How finely a JPEG keeps colour.
public enum ChromaSubsampling: String, Sendable {
  /// Half the columns and rows, libjpeg's default (4:2:0).
  case half
  /// All of them (4:4:4).
  case none
}
