import ThumbprintNets

/// The baseline without networks: principal components, each quantised by Lloyd and Max's rule, the
/// bits given one after another to the component whose error they lower most.
///
/// Source: Lloyd, "Least squares quantization in PCM", 1982; Max, "Quantizing for minimum
/// distortion", 1960.
public struct PrincipalQuantizer: Sendable {
  /// The most bits of one component.
  package static let componentBitCountMax = 8

  /// For each component and number of bits, from 0, the levels, ascending.
  private let levels: [[[Float]]]
  /// For each component and number of bits the mean squared error.
  private let distortions: [[Double]]
  private let basis: PrincipalBasis

  /// Pictures that quantisers are fitted to, at most.
  private static let pictureCountMax = 16_384

  /// Fits basis and quantisers to training pictures.
  ///
  /// - Parameter basis: Of the same pictures; 320 directions are plenty for 64 bytes.
  public init(_ pictures: Thumbnails, basis: PrincipalBasis, threadCount: Int) {
    self.basis = basis
    let step = (pictures.count + Self.pictureCountMax - 1) / Self.pictureCountMax
    let indices = Array(stride(from: 0, to: pictures.count, by: max(1, step)))
    let coordinates = Self.coordinates(pictures, indices, basis)
    var fits = [[LloydMax]](repeating: [], count: basis.count)
    fits.withUnsafeMutableBufferPointer { fits in
      // Safe: each component is written by one call alone.
      nonisolated(unsafe) let fits = fits
      Parallel.forEach(fits.count, threadCount: threadCount) { component in
        let samples = indices.indices.map { coordinates[$0 * basis.count + component] }.sorted()
        fits[component] = (0...Self.componentBitCountMax).map {
          LloydMax(sorted: samples, levelCount: 1 << $0)
        }
      }
    }
    levels = fits.map { $0.map(\.levels) }
    distortions = fits.map { $0.map(\.distortion) }
  }

  /// The pictures as they come back from codes of `byteCount` bytes.
  public func reconstruct(_ pictures: Thumbnails, byteCount: Int) -> Thumbnails {
    let bitCounts = allocate(bitCount: 8 * byteCount)
    let size = PrincipalBasis.sampleCount
    var result = Thumbnails()
    for start in stride(from: 0, to: pictures.count, by: 256) {
      let indices = Array(start..<min(pictures.count, start + 256))
      var coordinates = Self.coordinates(pictures, indices, basis)
      for row in indices.indices {
        for component in 0..<basis.count {
          let place = row * basis.count + component
          coordinates[place] = Self.nearest(
            coordinates[place], in: levels[component][bitCounts[component]])
        }
      }
      var rows = [Float](repeating: 0, count: indices.count * size)
      BLAS.multiply(
        indices.count, size, basis.count, coordinates, lda: basis.count, basis.vectors, ldb: size,
        beta: 0, &rows, ldc: size)
      for row in indices.indices {
        for i in 0..<size { rows[row * size + i] += basis.mean[i] }
        rows.withUnsafeBufferPointer {
          result.append($0.baseAddress! + row * size, imageCount: 1)
        }
      }
    }
    return result
  }

  /// What the bits of a component take from the squared error, for each bit.
  func gain(_ component: Int, _ bitCount: Int) -> Double {
    (distortions[component][0] - distortions[component][bitCount]) / Double(max(1, bitCount))
  }

  /// Bits of each component.
  package func allocate(
    bitCount: Int, componentBitCountMax: Int = Self.componentBitCountMax
  ) -> [Int] {
    var counts = [Int](repeating: 0, count: basis.count)
    for _ in 0..<bitCount {
      func gain(_ component: Int) -> Double {
        let bits = counts[component]
        guard bits < componentBitCountMax else { return -1 }
        return distortions[component][bits] - distortions[component][bits + 1]
      }
      guard let best = counts.indices.max(by: { gain($0) < gain($1) }) else { break }
      counts[best] = min(componentBitCountMax, counts[best] + 1)
    }
    return counts
  }

  /// Coordinates less those of the mean.
  private static func coordinates(
    _ pictures: Thumbnails, _ indices: [Int], _ basis: PrincipalBasis
  ) -> [Float] {
    let mean = basis.meanCoordinates
    var all: [Float] = []
    all.reserveCapacity(indices.count * basis.count)
    for start in stride(from: 0, to: indices.count, by: 1_024) {
      all += basis.coordinates(
        pictures.rows(indices[start..<min(indices.count, start + 1_024)]))
    }
    for i in all.indices { all[i] -= mean[i % basis.count] }
    return all
  }

  private static func nearest(_ value: Float, in levels: [Float]) -> Float {
    var (low, high) = (0, levels.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if value > (levels[middle] + levels[middle + 1]) / 2 {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return levels[low]
  }
}
