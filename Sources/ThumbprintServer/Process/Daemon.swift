import Foundation
import Logging
import NIOCore
import ServiceLifecycle
import ThumbprintStorage
import ThumbprintWire
import UnixSignals

/// What is the same for every process that serves.
public enum Daemon {
  /// Name and version, told to peers.
  public static func program(_ name: String) -> String { "\(name) \(version)" }

  public static let version = "0.1.0"

  /// What has to be so before anything is opened: files that are made are for the owner of the
  /// process alone, and a reader of the log that goes away does not end it.
  public static func prepare() {
    umask(umask(0o077) | 0o077)
    signal(SIGPIPE, SIG_IGN)
  }

  /// Runs services until SIGTERM or SIGINT, and ends in order.
  public static func run(_ services: [any Service], logger: Logger) async throws {
    var configuration = ServiceGroupConfiguration(
      services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    configuration.maximumGracefulShutdownDuration = .seconds(20)
    try await ServiceGroup(configuration: configuration).run()
  }

  /// Lets the process have as many open files as the system allows.
  ///
  /// - Parameter connectionCountMax: Connections that it means to let in; fewer if the system
  ///   does not allow so many files, which is logged.
  public static func raiseFileLimit(for connectionCountMax: inout Int, logger: Logger) {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    let most = max(16, Int(clamping: limit.rlim_cur) - ownFileCount)
    guard most < connectionCountMax else { return }
    connectionCountMax = most
    logger.notice(
      "fewer connections than wanted: the system allows this process few open files",
      metadata: ["connections": "\(most)", "files": "\(limit.rlim_cur)"])
  }

  /// Files that the process needs beside connections: replicas, copies, connections of its own.
  private static let ownFileCount = 256

  /// A time: `500ms`, `5s`, `10min`, `1h`.
  public static func duration(_ text: String) -> TimeAmount? {
    let units: [(String, Int64)] = [
      ("ms", 1_000_000), ("s", 1_000_000_000), ("min", 60_000_000_000), ("h", 3_600_000_000_000),
    ]
    guard let unit = units.first(where: { text.hasSuffix($0.0) }),
      let number = Int64(text.dropLast(unit.0.count)), (0...1_000_000).contains(number)
    else { return nil }
    return .nanoseconds(number * unit.1)
  }

  /// Tells why the process cannot go on, in one line and perhaps a hint, and gives the status to
  /// end with.
  public static func report(_ error: any Error, program: String) -> Int32 {
    let (status, message, hint): (Int32, String, String?) =
      switch error {
      case let error as SettingsError: (64, error.message, error.hint)
      case let error as ServiceError: (error.code.exitStatus, error.message, error.hint)
      case let error as StoreError:
        (ServiceError(error).code.exitStatus, error.description, error.hint)
      case let error as MetadataStoreError: (69, error.message, nil)
      default: (70, "\(error)", nil)
      }
    var text = "\(program): error: \(message)\n"
    if let hint { text += "  hint: \(hint)\n" }
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    return status
  }

  /// `HOST:PORT`, or `[HOST]:PORT`; port 0 is any that is free.
  public static func listenAddress(_ text: String) -> (host: String, port: Int)? {
    guard let colon = text.lastIndex(of: ":"),
      let port = UInt16(text[text.index(after: colon)...])
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    return host.isEmpty ? nil : (String(host), Int(port))
  }

  /// A number of bytes: `1000000`, `16MiB`, `2TB`.
  public static func byteCount(_ text: String) -> Int? {
    let units: [(String, Int)] = [
      ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("kB", 1_000),
      ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("B", 1),
    ]
    let unit = units.first { text.hasSuffix($0.0) } ?? ("", 1)
    guard let number = Int(text.dropLast(unit.0.count)), number > 0 else { return nil }
    let (product, overflow) = number.multipliedReportingOverflow(by: unit.1)
    return overflow ? nil : product
  }
}
