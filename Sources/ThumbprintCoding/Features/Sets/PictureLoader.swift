import Synchronization
import ThumbprintImages
import ThumbprintNets

/// Reads many pictures on several threads.
public enum PictureLoader {
  /// Calls `read` for each path and returns the results in the order of the paths.
  ///
  /// - Throws: The first path's error, if several fail.
  public static func read<Result: Sendable>(
    _ paths: [String], threadCount: Int, _ read: (String) throws -> Result
  ) throws -> [Result] {
    var results = [Result?](repeating: nil, count: paths.count)
    let failure = Mutex<(index: Int, error: any Error)?>(nil)
    results.withUnsafeMutableBufferPointer { results in
      // Safe: each path's result is written once, by the thread that took the path.
      nonisolated(unsafe) let results = results
      Parallel.forEach(paths.count, threadCount: threadCount) { index in
        if failure.withLock({ $0 != nil }) { return }
        do {
          results[index] = try read(paths[index])
        } catch {
          failure.withLock {
            if $0.map({ index < $0.index }) ?? true { $0 = (index, error) }
          }
        }
      }
    }
    if let failure = failure.withLock({ $0 }) { throw failure.error }
    return results.compactMap(\.self)
  }
}
