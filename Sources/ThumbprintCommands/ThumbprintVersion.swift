import Foundation
import ThumbprintCodes

/// What `--version` prints.
public enum ThumbprintVersion {
  /// As in CHANGELOG.md.
  public static let number = "0.1.0"

  static func text(verbose: Bool) -> String {
    guard verbose else { return number }
    return number + "\n" + details.map { "\($0.name): \($0.value)" }.joined(separator: "\n")
  }

  /// What of this machine bears on speed.
  private static var details: [(name: String, value: String)] {
    return [
      ("kernels", HammingKernels.levelName),
      ("kernels of this machine", HammingKernels.available.joined(separator: ", ")),
      ("cores", String(ProcessInfo.processInfo.activeProcessorCount)),
    ]
  }
}
