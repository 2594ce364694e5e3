import CHamming
import Foundation
import ThumbprintCodes

/// Times the steps of a search on the sketches of one segment, in about a millisecond.
///
/// Only what is in memory anyway is read. Rows may still lie on a disk: what reads them is scaled
/// by how much faster or slower than usual like steps are on the sketches. Times are of this
/// thread alone, so that others do not count.
///
/// Each constant stays within a factor of ``factorMax`` of what the kernels' level usually takes,
/// so that no two change by more than 2¼ against each other. A machine that is busy, and noisy,
/// while a segment is opened may make a plan slower than it need be, but not silly: a query far from
/// all rows, above all, is answered by comparing them, not by way of sketches.
package struct CostCalibration {
  /// Fewer rows than this fit the caches, and are searched quickly by any plan.
  static let rowCountMin = 1 << 16
  package static let factorMax = 1.5

  /// Rows of a stretch that is read once, from memory, and of one that is read again and again.
  private static let stretch = 1 << 16
  private static let cachedStretch = 1024
  private static let roundCount = 5
  /// Candidates narrowed in a round.
  private static let candidateCount = 1024

  let usual: CostModel
  let halves: UnsafeRawPointer
  let sketches: UnsafeRawPointer
  let seconds: UnsafeRawPointer
  let rowCount: Int

  /// What the steps cost on the given columns of a segment: 16, 32 and 32 bytes a row.
  func measured() -> CostModel {
    guard rowCount >= Self.rowCountMin else { return usual }
    var query = [UInt8](repeating: 0, count: 64)
    var generator = SplitMix64(seed: 1)
    for i in query.indices { query[i] = UInt8.random(in: 0...255, using: &generator) }
    var narrow = [UInt8](repeating: 0, count: Self.stretch)
    var wide = [UInt16](repeating: 0, count: Self.stretch)
    var model = usual
    model.scan16 = scan(usual.scan16) { tp_scan16(query, halves + 16 * $0, $1, &narrow) }
    model.scan32 = scan(usual.scan32) { tp_scan32(query, sketches + 32 * $0, $1, &narrow) }
    model.scan64 = scan(usual.scan64) {
      tp_scan_split(query, sketches + 32 * $0, seconds + 32 * $0, $1, &wide)
    }
    var positions = [UInt32](repeating: 0, count: Self.candidateCount)
    var partials = [UInt16](repeating: 0, count: Self.candidateCount)
    func narrowing(_ column: UnsafeRawPointer, _ position: (Int, Int) -> Int) -> Double {
      median { round in
        for i in positions.indices { positions[i] = UInt32(position(round, i)) }
        return nanoseconds {
          _ = tp_refine(
            query, 32, column, 32, &positions, &partials, Self.candidateCount, .max)
        } / Double(Self.candidateCount)
      }
    }
    // One in 64, in order, as a scan lets pass; then anywhere, as tables name them.
    model.refine = bounded(
      narrowing(seconds) { low($0, of: Self.stretch) + Self.stretch / Self.candidateCount * $1 },
      usual.refine)
    model.candidate = bounded(
      narrowing(sketches) { _, _ in Int.random(in: 0..<rowCount, using: &generator) },
      usual.candidate)
    scaleOthers(&model)
    return model
  }

  /// What cannot be timed here goes by what is most like it.
  private func scaleOthers(_ model: inout CostModel) {
    let scattered = model.candidate / usual.candidate
    model.finishBegun *= scattered
    model.finishEnded *= scattered
    model.lookup *= scattered
    model.posting *= scattered
    model.row *= model.scan64.memory / usual.scan64.memory
    model.cachedRow *= model.scan64.cache / usual.scan64.cache
  }

  /// The first row of the stretch of a round: they are spread over the segment.
  private func low(_ round: Int, of size: Int) -> Int {
    (rowCount - size) * round / Self.roundCount
  }

  /// A row of a scan, from memory and from the cache; `body` scans a number of rows from one on.
  private func scan(
    _ usual: (memory: Double, cache: Double), _ body: (_ low: Int, _ size: Int) -> Void
  ) -> (memory: Double, cache: Double) {
    let memory = median { round in
      nanoseconds { body(low(round, of: Self.stretch), Self.stretch) } / Double(Self.stretch)
    }
    let cache = median { _ in
      nanoseconds {
        for _ in 0..<Self.stretch / Self.cachedStretch { body(0, Self.cachedStretch) }
      } / Double(Self.stretch)
    }
    return (bounded(memory, usual.memory), bounded(cache, usual.cache))
  }

  private func median(_ measure: (_ round: Int) -> Double) -> Double {
    (0..<Self.roundCount).map(measure).sorted()[Self.roundCount / 2]
  }

  private func bounded(_ value: Double, _ usual: Double) -> Double {
    min(max(value, usual / Self.factorMax), usual * Self.factorMax)
  }

  /// The time that this thread spent on `body`.
  private func nanoseconds(_ body: () -> Void) -> Double {
    func now() -> Double {
      var time = timespec()
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
      return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }
    let start = now()
    body()
    return now() - start
  }
}

extension CostModel {
  /// What the steps take on this machine, timed on rows made up for it: some 40 MB of memory, and
  /// some hundredths of a second.
  package static func measuredHere() -> CostModel {
    let rowCount = 1 << 19
    let widths = [16, 32, 32]
    var generator = SplitMix64(seed: 2)
    let columns = widths.map { width in
      let memory = RawMemory(byteCount: width * rowCount)
      let words = memory.base.assumingMemoryBound(to: UInt64.self)
      for i in 0..<width * rowCount / 8 { words[i] = generator.next() }
      return memory
    }
    return withExtendedLifetime(columns) {
      CostCalibration(
        usual: .usual, halves: columns[0].base, sketches: columns[1].base,
        seconds: columns[2].base, rowCount: rowCount
      ).measured()
    }
  }
}
