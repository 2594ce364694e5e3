import CHamming

/// Which instructions the distance kernels use on this machine.
public enum HammingKernels {
  /// The level in use: the best that this machine runs, unless the environment variable
  /// `THUMBPRINT_KERNELS` named another when the process started.
  public static var levelName: String { name(of: tp_level_current()) }

  /// The levels that this machine runs, the plainest first.
  public static var available: [String] {
    (0..<Int32(TP_LEVEL_COUNT)).filter { tp_level_available($0) != 0 }.map(name(of:))
  }

  private static func name(of level: Int32) -> String {
    tp_level_name(level).map { String(cString: $0) } ?? "none"
  }
}
