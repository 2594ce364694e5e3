import CPNG

/// The one place that calls libpng, by its simplified interface, which reports errors in a struct
/// instead of by long jumps.
enum PNGCoder {
  static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

  /// What the first chunk says.
  private struct Header {
    let width: Int
    let height: Int
    /// Bits of one pixel before compression.
    let bitsPerPixel: Int
  }

  static func decode(_ bytes: [UInt8], limits: DecodingLimits) throws(ImagesError) -> Picture {
    let header = try header(bytes)
    let (pixelCount, overflow) = header.width.multipliedReportingOverflow(by: header.height)
    guard !overflow, pixelCount <= limits.pixelCountMax else {
      throw ImagesError(
        .tooLarge,
        "\(header.width)×\(header.height) pixels are above the bound of \(limits.pixelCountMax)")
    }
    // Deflate makes at most 1032 bytes of one: a short file cannot hold what its header claims.
    guard pixelCount * header.bitsPerPixel / 8 <= 1_032 * bytes.count else {
      throw ImagesError(
        .truncated,
        "\(bytes.count) bytes cannot hold the \(header.width)×\(header.height) pixels claimed")
    }
    var result: Result<Picture, ImagesError> = .failure(ImagesError(.damaged, ""))
    bytes.withUnsafeBytes { result = decode($0) }
    return try result.get().upright(orientation(bytes))
  }

  private static func decode(_ bytes: UnsafeRawBufferPointer) -> Result<Picture, ImagesError> {
    var image = png_image()
    image.version = png_uint_32(PNG_IMAGE_VERSION)
    defer { png_image_free(&image) }
    guard png_image_begin_read_from_memory(&image, bytes.baseAddress, bytes.count) != 0 else {
      return .failure(failure(image))
    }
    // Sixteen bits without a statement of their curve mean sRGB here, as everywhere but in libpng.
    image.flags |= png_uint_32(PNG_IMAGE_FLAG_16BIT_sRGB)
    let hasAlpha = image.format & png_uint_32(PNG_FORMAT_FLAG_ALPHA) != 0
    image.format = png_uint_32(PNG_FORMAT_FLAG_COLOR)
    if hasAlpha { image.format |= png_uint_32(PNG_FORMAT_FLAG_ALPHA) }
    let (width, height) = (Int(image.width), Int(image.height))
    let sampleCount = hasAlpha ? 4 : 3
    var pixels = [UInt8](repeating: 0, count: sampleCount * width * height)
    let isRead = pixels.withUnsafeMutableBytes {
      png_image_finish_read(&image, nil, $0.baseAddress, 0, nil)
    }
    guard isRead != 0 else { return .failure(failure(image)) }
    if hasAlpha { layOverWhite(&pixels, pixelCount: width * height) }
    return .success(Picture(width: width, height: height, pixels: pixels))
  }

  /// Blends RGBA with white as browsers do, on the encoded values, and packs it to RGB.
  private static func layOverWhite(_ pixels: inout [UInt8], pixelCount: Int) {
    pixels.withUnsafeMutableBufferPointer { p in
      for i in 0..<pixelCount {
        let alpha = Int(p[4 * i + 3])
        for c in 0..<3 {
          let blended = Int(p[4 * i + c]) * alpha + 255 * (255 - alpha)
          p[3 * i + c] = UInt8((blended + 127) / 255)
        }
      }
    }
    pixels.removeLast(pixelCount)
  }

  /// Encodes a picture as an 8-bit RGB file.
  static func encode(_ picture: Picture) throws(ImagesError) -> [UInt8] {
    var image = png_image()
    image.version = png_uint_32(PNG_IMAGE_VERSION)
    image.width = png_uint_32(picture.width)
    image.height = png_uint_32(picture.height)
    image.format = png_uint_32(PNG_FORMAT_FLAG_COLOR)
    defer { png_image_free(&image) }
    // More than deflate and the chunks can add to the rows.
    let raw = picture.height * (3 * picture.width + 1)
    var byteCount = png_alloc_size_t(raw + raw / 4 + 4_096)
    var file = [UInt8](repeating: 0, count: Int(byteCount))
    let isWritten = file.withUnsafeMutableBytes { target in
      picture.pixels.withUnsafeBytes { source in
        png_image_write_to_memory(
          &image, target.baseAddress, &byteCount, 0, source.baseAddress, 0, nil)
      }
    }
    guard isWritten != 0 else { throw failure(image) }
    file.removeLast(file.count - Int(byteCount))
    return file
  }

  private static func failure(_ image: png_image) -> ImagesError {
    let message = withUnsafeBytes(of: image.message) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    let isShort = ["Read Error", "read beyond end of data", "Not enough image data"]
      .contains { message.contains($0) }
    return ImagesError(isShort ? .truncated : .damaged, "PNG: \(message)")
  }

  private static func number(_ bytes: [UInt8], _ at: Int) -> Int {
    bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
  }

  private static func header(_ bytes: [UInt8]) throws(ImagesError) -> Header {
    guard bytes.count >= 33 else {
      throw ImagesError(.truncated, "PNG: \(bytes.count) bytes are too few for a header")
    }
    let samples = [0: 1, 2: 3, 3: 1, 4: 2, 6: 4][bytes[25]]
    let (width, height) = (number(bytes, 16), number(bytes, 20))
    guard bytes[12..<16].elementsEqual("IHDR".utf8), let samples, width > 0, height > 0,
      [1, 2, 4, 8, 16].contains(bytes[24])
    else { throw ImagesError(.damaged, "PNG: the header is not one") }
    return Header(width: width, height: height, bitsPerPixel: samples * Int(bytes[24]))
  }

  /// The orientation in the eXIf chunk, if there is one.
  private static func orientation(_ bytes: [UInt8]) -> Orientation {
    var at = 8
    while at + 12 <= bytes.count {
      let count = number(bytes, at)
      guard count <= bytes.count - at - 12 else { break }
      if bytes[at + 4..<at + 8].elementsEqual("eXIf".utf8) {
        return bytes.withUnsafeBytes {
          Orientation(exif: UnsafeRawBufferPointer(rebasing: $0[at + 8..<at + 8 + count]))
        }
      }
      at += 12 + count
    }
    return .upright
  }
}
