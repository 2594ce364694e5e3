/// Pushes everything else out of the caches of the processor by reading a large buffer.
final class CacheEvictor {
  /// More than the caches that one core sees on common servers.
  static let byteCount = 96 << 20

  private let buffer: UnsafeMutableRawBufferPointer
  /// Kept, so that the reads cannot be left out.
  private(set) var sum: UInt64 = 0

  init() {
    buffer = .allocate(byteCount: Self.byteCount, alignment: 64)
    buffer.initializeMemory(as: UInt8.self, repeating: 1)
  }

  deinit {
    buffer.deallocate()
  }

  func evict() {
    for offset in stride(from: 0, to: buffer.count, by: 64) {
      sum &+= buffer.load(fromByteOffset: offset, as: UInt64.self)
    }
  }
}
