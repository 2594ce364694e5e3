#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What reading a picture may cost at most. Checked against the file's own claims before memory is
/// allocated for its pixels.
public struct DecodingLimits: Sendable, Equatable {
  /// Bytes of a file.
  public var fileByteCountMax: Int
  /// Pixels decoded at once. A PNG, and a JPEG that must be held whole (progressive, or in several
  /// scans), is refused above this; decoding takes about ten bytes a pixel.
  public var pixelCountMax: Int
  /// Pixels of a JPEG that is decoded row by row: above ``pixelCountMax`` it is decoded at an eighth
  /// to seven eighths of its size.
  public var scaledPixelCountMax: Int

  public init(
    fileByteCountMax: Int = 256 << 20, pixelCountMax: Int = 40_000_000,
    scaledPixelCountMax: Int = 1_000_000_000
  ) {
    self.fileByteCountMax = fileByteCountMax
    self.pixelCountMax = pixelCountMax
    self.scaledPixelCountMax = scaledPixelCountMax
  }
}

/// Reads PNG and JPEG: any bit depth, grey, palette, alpha (laid over white), CMYK, and turned
/// upright where Exif says how.
public enum PictureReader {
  /// Decodes a picture.
  ///
  /// - Parameters:
  ///   - bytes: A whole PNG or JPEG file.
  ///   - sideMin: If given, a JPEG may be decoded at a smaller scale as long as neither side falls
  ///     below this: much faster when a small picture is wanted.
  ///   - limits: What decoding may cost.
  /// - Throws: ``ImagesError``, every code but ``ImagesError/Code/io``.
  public static func decode(
    _ bytes: [UInt8], sideMin: Int? = nil, limits: DecodingLimits = DecodingLimits()
  ) throws(ImagesError) -> Picture {
    guard bytes.count <= limits.fileByteCountMax else {
      throw ImagesError(
        .tooLarge, "\(bytes.count) bytes are above the bound of \(limits.fileByteCountMax)")
    }
    if bytes.starts(with: PNGCoder.signature) {
      return try PNGCoder.decode(bytes, limits: limits)
    }
    if bytes.starts(with: [0xFF, 0xD8]) {
      return try JPEGCoder.decode(bytes, sideMin: sideMin, limits: limits)
    }
    throw ImagesError(
      .unrecognized, bytes.isEmpty ? "the file is empty" : "is neither PNG nor JPEG")
  }

  /// Reads and decodes a file.
  ///
  /// - Throws: ``ImagesError`` naming the path.
  public static func read(
    path: String, sideMin: Int? = nil, limits: DecodingLimits = DecodingLimits()
  ) throws(ImagesError) -> Picture {
    do throws(ImagesError) {
      let bytes = try load(path: path, byteCountMax: limits.fileByteCountMax)
      return try decode(bytes ?? [], sideMin: sideMin, limits: limits)
    } catch {
      throw ImagesError(error.code, error.message, path: path)
    }
  }

  /// Reads a file's bytes.
  ///
  /// - Parameters:
  ///   - byteCountMax: Above so many the file is refused.
  ///   - byteCountWanted: Above so many it is not read.
  /// - Returns: `nil` if the file is larger than wanted.
  /// - Throws: ``ImagesError`` without the path.
  package static func load(
    path: String, byteCountMax: Int, byteCountWanted: Int = .max
  ) throws(ImagesError) -> [UInt8]? {
    func failure(_ what: String) -> ImagesError {
      ImagesError(.io, "\(what): \(String(cString: strerror(errno)))")
    }
    // Not blocking, so that a named pipe cannot hold the process up before it is refused.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw failure("cannot be opened") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure("cannot be examined") }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw ImagesError(.io, "is not a regular file")
    }
    let count = Int(status.st_size)
    guard count <= byteCountMax else {
      throw ImagesError(.tooLarge, "\(count) bytes are above the bound of \(byteCountMax)")
    }
    guard count <= byteCountWanted else { return nil }
    var isFailed = false
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let got = readBytes(descriptor, buffer.baseAddress! + filled, count - filled)
        if got < 0 && errno == EINTR { continue }
        isFailed = got < 0
        if got <= 0 { break }
        filled += got
      }
    }
    if isFailed { throw failure("cannot be read") }
    return bytes
  }
}

/// `read(2)`, whose name the reader's own method hides.
private func readBytes(
  _ descriptor: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int
) -> Int {
  read(descriptor, buffer, count)
}
