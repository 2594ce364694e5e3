import Glibc

/// What the operating system is told about ranges of a file's map.
enum MemoryAdvice {
  /// Lets go of the pages of a read-only file map. Their contents stay in the page cache; they
  /// stop counting as memory of this process, and reading them again brings them back.
  static func release(_ bytes: UnsafeRawBufferPointer) {
    advise(bytes, MADV_DONTNEED, inner: true)
  }

  /// Brings the pages into the tables of this process before they are asked for one by one.
  /// An older kernel does not know the advice; then the pages come when they are touched.
  static func populate(_ bytes: UnsafeRawBufferPointer) {
    let populateRead: Int32 = 22  // MADV_POPULATE_READ, Linux 5.14
    advise(bytes, populateRead, inner: false)
  }

  /// The memory of the machine.
  static var physicalByteCount: Int {
    sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
  }

  private static func advise(_ bytes: UnsafeRawBufferPointer, _ advice: Int32, inner: Bool) {
    guard let base = bytes.baseAddress else { return }
    let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
    let address = UInt(bitPattern: base)
    let end = address + UInt(bytes.count)
    let first = inner ? (address + page - 1) / page * page : address / page * page
    let last = inner ? end / page * page : end
    guard last > first, let start = UnsafeMutableRawPointer(bitPattern: first) else { return }
    _ = madvise(start, Int(last - first), advice)
  }
}
