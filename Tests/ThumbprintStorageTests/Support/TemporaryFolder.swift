import Foundation

/// A folder that goes when the value does.
final class TemporaryFolder: Sendable {
  let path: String

  init() {
    path = NSTemporaryDirectory().trimmingSuffix("/") + "/thumbprint-" + UUID().uuidString
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true)
    } catch {
      preconditionFailure("cannot make \(path): \(error)")
    }
  }

  deinit {
    // A test that failed to remove its folder has nothing to add to its outcome.
    try? FileManager.default.removeItem(atPath: path)
  }

  /// The size of every file below, by path.
  func files() -> [String] {
    let names = FileManager.default.enumerator(atPath: path)
    return (names?.allObjects as? [String] ?? []).map { path + "/" + $0 }
  }
}

extension String {
  fileprivate func trimmingSuffix(_ suffix: String) -> String {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
  }
}
