/// Adds the gradients of slices in the order of the slices, so that the sum has the same bits on any
/// number of threads.
package enum GradientSum {
  /// Parameters that one thread sums at a time.
  private static let chunkCount = 1 << 15

  /// `total = workspaces[0].gradients + workspaces[1].gradients + …`
  package static func compute(
    _ workspaces: [Workspace], into total: inout [Float], threadCount: Int
  ) {
    let count = total.count
    precondition(
      workspaces.allSatisfy { $0.gradients.count == count },
      "every slice has a gradient for each of the \(count) parameters")
    total.withUnsafeMutableBufferPointer { total in
      guard let base = total.baseAddress, let first = workspaces.first else { return }
      // Safe: each chunk is written by one call alone.
      nonisolated(unsafe) let sum = base
      let chunks = (count + chunkCount - 1) / chunkCount
      Parallel.forEach(chunks, threadCount: threadCount) { chunk in
        let start = chunk * chunkCount
        let end = min(count, start + chunkCount)
        (sum + start).update(from: first.gradients.base + start, count: end - start)
        for workspace in workspaces.dropFirst() {
          let addend = workspace.gradients.base
          for i in start..<end { sum[i] += addend[i] }
        }
      }
    }
  }
}
