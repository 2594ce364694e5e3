import CHamming
import ThumbprintCodes

/// Rows laid out cluster by cluster, so that a search with a recall promise can read the nearest
/// clusters alone.
///
/// Centres are the majority bits of their rows over the first 512 permuted bits, which are a
/// random sample of the code: k-means with the median for binary data ("k-majority"; Grana,
/// Borghesani, Manfredi, Cucchiara, "A fast approach for integrating ORB descriptors in the bag
/// of words model", 2013).
struct ClusterOrder: Sendable {
  /// Bytes of a centre: the bits of sketch and second sketch.
  static let centreByteCount = 64
  /// Most rows that the centres are learnt from.
  private static let sampleCountMax = 32768
  private static let roundCount = 4

  /// `clusterCount × 64` bytes.
  var centres: [UInt8]
  /// The cluster of every row.
  var assignment: [UInt16]

  var clusterCount: Int { centres.count / Self.centreByteCount }

  /// How many clusters suit a number of rows: about 250 to 1,000 rows in each.
  static func clusterCount(rowCount: Int) -> Int {
    min(1024, max(16, rowCount / 250))
  }

  /// Whether clusters are worth having: distances of strangers spread at least 2½ times as
  /// wide as those of independent bits (32 bits).
  static func isWorthwhile(_ statistics: SampleStatistics, rowCount: Int) -> Bool {
    let values = statistics.strangerDistances.map(Double.init)
    guard rowCount >= 8192, values.count > 1 else { return false }
    let mean = values.reduce(0, +) / Double(values.count)
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
    return variance > 80 * 80
  }

  /// About 1.5 CPU seconds for a million rows.
  init(rows: RowMap, seed: UInt64, threadCount: Int) throws {
    let rowCount = rows.rowCount
    let count = Self.clusterCount(rowCount: rowCount)
    var generator = SplitMix64(seed: seed)

    // An evenly spaced sample, shuffled.
    let sampleCount = min(rowCount, Self.sampleCountMax)
    var sampleRows = (0..<sampleCount).map { $0 * rowCount / sampleCount }
    sampleRows.shuffle(using: &generator)
    let sample = [UInt8](unsafeUninitializedCapacity: sampleCount * Self.centreByteCount) {
      buffer, used in
      for (i, row) in sampleRows.enumerated() {
        Self.copyPrefix(
          rows, row: row,
          to: UnsafeMutableRawPointer(buffer.baseAddress! + Self.centreByteCount * i))
      }
      used = sampleCount * Self.centreByteCount
    }
    var centres = Self.spreadCentres(
      count, of: sample, sampleCount: sampleCount, generator: &generator)
    for _ in 0..<Self.roundCount {
      let nearest = try Self.assign(
        count: sampleCount, centres: centres, threadCount: threadCount
      ) { i, target in
        sample.withUnsafeBytes {
          target.copyMemory(
            from: $0.baseAddress! + Self.centreByteCount * i, byteCount: Self.centreByteCount)
        }
      }
      centres = Self.majority(
        of: sample, assignment: nearest, centres: centres, generator: &generator)
    }
    self.centres = centres
    assignment = try Self.assign(count: rowCount, centres: centres, threadCount: threadCount) {
      Self.copyPrefix(rows, row: $0, to: $1)
    }
  }

  /// First centres far from one another: each next one is drawn by the square of its distance to
  /// the nearest so far (k-means++; Arthur and Vassilvitskii 2007).
  private static func spreadCentres(
    _ count: Int, of sample: [UInt8], sampleCount: Int, generator: inout SplitMix64
  ) -> [UInt8] {
    var centres: [UInt8] = []
    centres.reserveCapacity(count * centreByteCount)
    var nearest = [UInt16](repeating: UInt16(8 * centreByteCount), count: sampleCount)
    var distances = [UInt16](repeating: 0, count: sampleCount)
    var chosen = 0
    for _ in 0..<count {
      let low = chosen * centreByteCount
      centres += sample[low..<low + centreByteCount]
      sample.withUnsafeBytes {
        tp_scan64($0.baseAddress! + low, $0.baseAddress!, sampleCount, &distances)
      }
      var total = 0
      for i in 0..<sampleCount {
        nearest[i] = min(nearest[i], distances[i])
        total += Int(nearest[i]) * Int(nearest[i])
      }
      guard total > 0 else {
        chosen = Int.random(in: 0..<sampleCount, using: &generator)
        continue
      }
      var rest = Int.random(in: 0..<total, using: &generator)
      chosen = 0
      while true {
        rest -= Int(nearest[chosen]) * Int(nearest[chosen])
        if rest < 0 { break }
        chosen += 1
      }
    }
    return centres
  }

  private static func copyPrefix(_ rows: RowMap, row: Int, to target: UnsafeMutableRawPointer) {
    let place = rows.place(ofRow: row)
    let block = rows.blocks[place.block]
    target.copyMemory(from: block.sketches + 32 * place.row, byteCount: 32)
    (target + 32).copyMemory(from: block.seconds + 32 * place.row, byteCount: 32)
  }

  /// The nearest centre of each code, the first of equals.
  private static func assign(
    count: Int, centres: [UInt8], threadCount: Int,
    copy: @Sendable (Int, UnsafeMutableRawPointer) -> Void
  ) throws -> [UInt16] {
    let clusterCount = centres.count / centreByteCount
    let step = 4096
    let result = Locked([UInt16](repeating: 0, count: count))
    try Parallel.perform((count + step - 1) / step, threadCount: threadCount) { part in
      let range = part * step..<min(count, (part + 1) * step)
      var distances = [UInt16](repeating: 0, count: clusterCount)
      var code = [UInt8](repeating: 0, count: centreByteCount)
      let nearest = range.map { i -> UInt16 in
        code.withUnsafeMutableBytes { copy(i, $0.baseAddress!) }
        tp_scan64(code, centres, clusterCount, &distances)
        return UInt16(tp_smallest(distances, clusterCount))
      }
      result.withLock { $0.replaceSubrange(range, with: nearest) }
    }
    return result.withLock { $0 }
  }

  /// The majority of the bits of each cluster; an empty cluster gets a random code of the sample.
  private static func majority(
    of sample: [UInt8], assignment: [UInt16], centres: [UInt8], generator: inout SplitMix64
  ) -> [UInt8] {
    let clusterCount = centres.count / centreByteCount
    let bitCount = centreByteCount * 8
    var ones = [Int32](repeating: 0, count: clusterCount * bitCount)
    var sizes = [Int32](repeating: 0, count: clusterCount)
    for (i, cluster) in assignment.enumerated() {
      sizes[Int(cluster)] += 1
      let base = Int(cluster) * bitCount
      for byte in 0..<centreByteCount {
        let value = sample[i * centreByteCount + byte]
        for bit in 0..<8 { ones[base + byte * 8 + bit] += Int32(value >> UInt8(bit) & 1) }
      }
    }
    var result = [UInt8](repeating: 0, count: centres.count)
    for cluster in 0..<clusterCount {
      guard sizes[cluster] > 0 else {
        let i = Int.random(in: 0..<assignment.count, using: &generator)
        for byte in 0..<centreByteCount {
          result[cluster * centreByteCount + byte] = sample[i * centreByteCount + byte]
        }
        continue
      }
      for byte in 0..<centreByteCount {
        var value: UInt8 = 0
        for bit in 0..<8
        where 2 * ones[cluster * bitCount + byte * 8 + bit] > sizes[cluster] {
          value |= 1 << UInt8(bit)
        }
        result[cluster * centreByteCount + byte] = value
      }
    }
    return result
  }

  /// The row at every position, and where each cluster begins (one entry more than clusters).
  func positions() -> (order: [UInt32], starts: [UInt32]) {
    var starts = [UInt32](repeating: 0, count: clusterCount + 1)
    for cluster in assignment { starts[Int(cluster) + 1] += 1 }
    for cluster in 0..<clusterCount { starts[cluster + 1] += starts[cluster] }
    var cursors = starts
    var order = [UInt32](repeating: 0, count: assignment.count)
    for (row, cluster) in assignment.enumerated() {
      order[Int(cursors[Int(cluster)])] = UInt32(row)
      cursors[Int(cluster)] += 1
    }
    return (order, starts)
  }

  /// By how much the centre of a neighbour's cluster is farther from a row than the nearest
  /// centre: for each sampled row and its neighbours, nearest first.
  func gaps(_ statistics: SampleStatistics, rows: RowMap) -> [[Int]] {
    var code = [UInt8](repeating: 0, count: Self.centreByteCount)
    var distances = [UInt16](repeating: 0, count: clusterCount)
    return statistics.neighbours.map { probe in
      code.withUnsafeMutableBytes { Self.copyPrefix(rows, row: probe.row, to: $0.baseAddress!) }
      tp_scan64(code, centres, clusterCount, &distances)
      let nearest = distances.min() ?? 0
      return probe.nearest.map { Int(distances[Int(assignment[$0])] - nearest) }
    }
  }
}
