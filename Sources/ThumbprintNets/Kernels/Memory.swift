/// Floats at a stable, 64-byte aligned address, owned by this object.
///
/// `@unchecked Sendable` is safe because the address never changes and every owner (a ``Workspace``
/// and what is built on it) is used by one thread at a time.
package final class Memory: @unchecked Sendable {
  package let base: UnsafeMutablePointer<Float>
  package let count: Int

  /// `count` floats, all zero.
  package init(count: Int) {
    let raw = UnsafeMutableRawPointer.allocate(
      byteCount: max(64, count * MemoryLayout<Float>.stride), alignment: 64)
    base = raw.bindMemory(to: Float.self, capacity: max(16, count))
    base.initialize(repeating: 0, count: max(16, count))
    self.count = count
  }

  deinit { base.deallocate() }
}
