#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

extension Picture {
  /// The picture as a PNG file.
  public func png() throws(ImagesError) -> [UInt8] {
    try PNGCoder.encode(self)
  }

  /// The picture as a JPEG file.
  ///
  /// - Parameter quality: 1...100, the scale of libjpeg.
  public func jpeg(
    quality: Int, subsampling: ChromaSubsampling = .half
  ) throws(ImagesError) -> [UInt8] {
    guard width <= 65_500, height <= 65_500 else {
      throw ImagesError(.tooLarge, "a JPEG has at most 65500 rows and columns")
    }
    return try JPEGCoder.encode(self, quality: quality, subsampling: subsampling)
  }

  /// Writes the picture as a PNG file.
  ///
  /// - Throws: ``ImagesError/Code/io`` naming the path.
  public func writePNG(to path: String) throws(ImagesError) {
    let file = try png()
    func failure(_ what: String) -> ImagesError {
      ImagesError(.io, "\(what): \(String(cString: strerror(errno)))", path: path)
    }
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure("cannot be created") }
    defer { close(descriptor) }
    var start = 0
    while start < file.count {
      let written = file.withUnsafeBytes {
        write(descriptor, $0.baseAddress! + start, file.count - start)
      }
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw failure("cannot be written") }
      start += written
    }
  }
}
