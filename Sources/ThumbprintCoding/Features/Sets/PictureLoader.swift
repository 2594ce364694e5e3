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
    try results.withUnsafeMutableBufferPointer { results in
      // Safe: each path's result is written once, by the thread that took the path.
      nonisolated(unsafe) let results = results
      try Parallel.tryForEach(paths.count, threadCount: threadCount) { index in
        results[index] = try read(paths[index])
      }
    }
    return results.compactMap(\.self)
  }
}
