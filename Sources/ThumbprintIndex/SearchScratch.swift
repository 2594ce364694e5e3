import CHamming
import ThumbprintCodes

/// Memory that one search at a time works in, kept for the next so that a query allocates
/// nothing. About 2 MiB, and one byte for every row of the largest segment met.
final class SearchScratch {
  /// Candidates that a step of a sweep handles at once.
  static let chunkSize = 8192

  /// The permuted query, with 8 zero bytes behind it.
  let query = Buffer<UInt8>(FeatureCode.byteCount + 8)
  /// The same for each shard with recent rows, which have permutations of their own.
  let queries = Buffer<UInt8>(0)
  let buckets = Buffer<UInt32>(128)
  let starts = Buffer<UInt32>(128)
  let lengths = Buffer<UInt32>(128)
  let seen = Buffer<UInt64>(Int(TP_SEEN_WORDS))
  let firsts = Buffer<UInt32>(0)
  let repeats = Buffer<UInt32>(0)
  let tallyKeys = Buffer<UInt32>(0)
  let tallyCounts = Buffer<UInt8>(0)
  /// One count a row, all zero between uses.
  let votes = Buffer<UInt8>(0)
  /// Sketch distances of the rows in the pool, which are in `firsts`.
  let poolPartials = Buffer<UInt16>(0)
  /// The rows nearest to the query by their sketches, and the distances of those.
  let nearRows = Buffer<UInt16>(0)
  let nearPartials = Buffer<UInt8>(0)
  /// Distances over 16 or 32 bytes.
  let distances = Buffer<UInt8>(0)
  /// Candidates: positions, bits differing so far, addresses of the last 448 bytes.
  let positions = Buffer<UInt32>(0)
  let partials = Buffer<UInt16>(0)
  let addresses = Buffer<UnsafePointer<UInt8>?>(0)
  let positionScratch = Buffer<UInt32>(0)
  let partialScratch = Buffer<UInt16>(0)
  let wideDistances = Buffer<UInt16>(0)

  func reserveCandidates(_ count: Int) {
    positions.reserve(count)
    partials.reserve(count)
    addresses.reserve(count)
    positionScratch.reserve(count)
    partialScratch.reserve(count)
  }

  /// Memory for a number of values that only grows. What of it is never used is never touched.
  final class Buffer<Element> {
    private(set) var base: UnsafeMutablePointer<Element>
    private(set) var capacity: Int
    private var memory: RawMemory

    /// `capacity` zeroed values.
    init(_ capacity: Int) {
      self.capacity = max(capacity, 64)
      (memory, base) = Self.zeroed(self.capacity)
    }

    private static func zeroed(_ count: Int) -> (RawMemory, UnsafeMutablePointer<Element>) {
      let memory = RawMemory(byteCount: count * MemoryLayout<Element>.stride)
      return (memory, memory.base.assumingMemoryBound(to: Element.self))
    }

    /// Makes room, with zeroed memory in place of the old if there was less. Contents are lost.
    func reserve(_ count: Int) {
      guard count > capacity else { return }
      capacity = max(count, 2 * capacity)
      (memory, base) = Self.zeroed(capacity)
    }
  }

  /// Scratch memories that no search is using: each is in the list or with one search.
  private final class Pool: Sendable {
    private let free = Locked<[Holder]>([])

    /// Handed from one search to the next, so only one thread at a time has it:
    /// `@unchecked Sendable` is safe.
    struct Holder: @unchecked Sendable { var scratch: SearchScratch }

    func take() -> SearchScratch {
      free.withLock { $0.popLast() }?.scratch ?? SearchScratch()
    }

    func give(_ scratch: SearchScratch) {
      let holder = Holder(scratch: scratch)
      free.withLock { $0.append(holder) }
    }
  }

  private static let pool = Pool()

  static func take() -> SearchScratch { pool.take() }
  static func give(_ scratch: SearchScratch) { pool.give(scratch) }

  static func with<R>(_ body: (SearchScratch) throws -> R) rethrows -> R {
    let scratch = pool.take()
    defer { pool.give(scratch) }
    return try body(scratch)
  }
}
