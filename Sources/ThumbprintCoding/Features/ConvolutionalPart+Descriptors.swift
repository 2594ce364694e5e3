import Synchronization
import ThumbprintImages
import ThumbprintNets

extension ConvolutionalPart {
  /// The descriptors of pictures of any size, one after another; each a function of its picture
  /// alone.
  func descriptors(
    _ count: Int, _ description: FeatureDescription, threadCount: Int,
    progress: (Int) -> Void = { _ in }, picture: (Int) -> Picture
  ) -> [Float] {
    let size = description.descriptorCount(output)
    var values = [Float](repeating: 0, count: count * size)
    let done = Mutex(0)
    values.withUnsafeMutableBufferPointer { values in
      guard let base = values.baseAddress else { return }
      // Safe: each slice writes to its own pictures' numbers; `done` lets one thread report.
      nonisolated(unsafe) let (target, progress) = (base, progress)
      forEachSlice(count, of: 1, threadCount: threadCount, picture: picture) {
        range, activations in
        description.describe(
          activations, output, imageCount: range.count, into: target + range.lowerBound * size)
        done.withLock {
          $0 += range.count
          progress($0)
        }
      }
    }
    return values
  }
}
