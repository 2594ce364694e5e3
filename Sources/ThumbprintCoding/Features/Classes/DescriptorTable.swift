import ThumbprintNets

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Numbers that describe pictures, a row for each: in memory, or in a file that holds more than
/// memory would and outlives an interrupted run.
///
/// The file is a cache of one machine, no format for exchange: a header of 64 bytes (magic, the key
/// of what the rows are, row count, row size, rows done) and the floats as the processor has them.
/// It is mapped, so the system keeps in memory what there is room for. Rule of use: one process at a
/// time; whoever cuts a mapped file short ends the process that reads it.
///
/// `@unchecked Sendable` is safe because rows are written before the table is shared, or each by one
/// thread alone, and the mapping lives as long as the object.
public final class DescriptorTable: @unchecked Sendable {
  /// Rows, and floats of each.
  public let count: Int
  public let size: Int
  private let base: UnsafeMutablePointer<Float>
  private let memory: Memory?
  private let mapping: (start: UnsafeMutableRawPointer, byteCount: Int)?

  private static let headerByteCount = 64
  private static let magic: UInt64 = 0x3145_4C42_4154_5054  // "TPTABLE1"

  /// A table in memory.
  init(size: Int, values: [Float]) {
    precondition(size > 0 && values.count % size == 0, "\(values.count) values, rows of \(size)")
    (count, self.size) = (values.count / size, size)
    let memory = Memory(count: values.count)
    values.withUnsafeBufferPointer { source in
      if let start = source.baseAddress { memory.base.update(from: start, count: values.count) }
    }
    base = memory.base
    self.memory = memory
    mapping = nil
  }

  /// A table in a file; an old one is taken over if it has the same key and sizes, else emptied.
  ///
  /// - Parameters:
  ///   - key: Says what the rows are: of equal keys they are equal.
  ///   - byteCountMax: The most that the file may take.
  /// - Throws: ``CodingError/Code/invalidRecipe`` naming both numbers; ``NetsError/Code/io`` naming the
  ///   path, also if the disk has no room.
  init(
    path: String, key: (UInt64, UInt64), count: Int, size: Int, byteCountMax: Int
  ) throws {
    let (bytes, isTooLarge) = count.multipliedReportingOverflow(by: 4 * size)
    guard !isTooLarge, bytes <= byteCountMax else {
      throw CodingError(
        .invalidRecipe,
        "the descriptors of \(count) pictures take \(count) × \(4 * size) bytes, above the bound of "
          + "\(byteCountMax)", path: path)
    }
    let byteCount = Self.headerByteCount + bytes
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Self.failure("cannot be opened", errno, path) }
    defer { close(descriptor) }
    let problem = posix_fallocate(descriptor, 0, byteCount)
    guard problem == 0, ftruncate(descriptor, byteCount) == 0 else {
      throw Self.failure("cannot take \(byteCount) bytes", problem == 0 ? errno : problem, path)
    }
    guard
      let start = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
      start != MAP_FAILED
    else { throw Self.failure("cannot be mapped", errno, path) }
    (self.count, self.size) = (count, size)
    base = (start + Self.headerByteCount).bindMemory(to: Float.self, capacity: count * size)
    memory = nil
    mapping = (start, byteCount)
    let header = [Self.magic, key.0, key.1, UInt64(count), UInt64(size)]
    let words = start.bindMemory(to: UInt64.self, capacity: 8)
    guard (0..<5).allSatisfy({ words[$0] == header[$0] }), words[5] <= UInt64(count) else {
      words.update(repeating: 0, count: 8)
      for (place, word) in header.enumerated() { words[place] = word }
      return
    }
  }

  deinit {
    if let mapping { munmap(mapping.start, mapping.byteCount) }
  }

  /// Rows that are known to be right, from the first: all of a table in memory.
  var doneCount: Int {
    mapping.map { Int($0.start.load(fromByteOffset: 40, as: UInt64.self)) } ?? count
  }

  /// The numbers of a row.
  func row(_ index: Int) -> UnsafePointer<Float> {
    precondition((0..<count).contains(index), "row \(index) of \(count)")
    return UnsafePointer(base + index * size)
  }

  /// Where a row is written, by one thread alone.
  func target(_ index: Int) -> UnsafeMutablePointer<Float> {
    precondition((0..<count).contains(index), "row \(index) of \(count)")
    return base + index * size
  }

  /// Remembers that the rows below `count` are written, once they are on disk.
  func finish(_ count: Int) {
    guard let mapping, msync(mapping.start, mapping.byteCount, MS_SYNC) == 0 else { return }
    mapping.start.storeBytes(of: UInt64(count), toByteOffset: 40, as: UInt64.self)
  }

  /// At most `limit` rows, evenly spaced, one after another.
  func sample(_ limit: Int) -> [Float] {
    let taken = min(limit, count)
    return (0..<taken).flatMap { place in
      UnsafeBufferPointer(start: row(place * count / taken), count: size)
    }
  }

  private static func failure(_ what: String, _ number: Int32, _ path: String) -> NetsError {
    NetsError(.io, "\(what): \(String(cString: strerror(number)))", path: path)
  }
}
