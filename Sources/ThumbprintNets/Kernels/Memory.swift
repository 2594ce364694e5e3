#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Floats at a stable, 64-byte aligned address, owned by this object.
///
/// `@unchecked Sendable` is safe because the address never changes and every owner (a ``Workspace``
/// and what is built on it) is used by one thread at a time.
package final class Memory: @unchecked Sendable {
  package let base: UnsafeMutablePointer<Float>
  package let count: Int

  private static let hugePageByteCount = 2 << 20

  /// `count` floats, all zero.
  package init(count: Int) {
    let byteCount = max(64, count * MemoryLayout<Float>.stride)
    let isLarge = byteCount >= 2 * Self.hugePageByteCount
    let raw = UnsafeMutableRawPointer.allocate(
      byteCount: byteCount, alignment: isLarge ? Self.hugePageByteCount : 64)
    // Only advice: a large page costs one miss of the page tables where small ones cost 512.
    if isLarge { _ = madvise(raw, byteCount, MADV_HUGEPAGE) }
    base = raw.bindMemory(to: Float.self, capacity: max(16, count))
    base.initialize(repeating: 0, count: max(16, count))
    self.count = count
  }

  deinit { base.deallocate() }
}
