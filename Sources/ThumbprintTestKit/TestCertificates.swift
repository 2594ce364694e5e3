import Foundation

/// Authorities and certificates for tests, made by `Cluster/certificates` when they are wanted, in a
/// folder that is gone with this.
public final class TestCertificates {
  /// Files of one holder.
  public struct Files: Sendable, Hashable {
    public var certificate: String
    public var key: String
    public var authority: String

    /// As daemons and the command line take them.
    public var flags: [String] {
      ["--tls-certificate", certificate, "--tls-key", key, "--tls-authority", authority]
    }
  }

  public let folder: URL

  /// Makes an authority, and a certificate for each name beside `client`.
  public init(_ names: String..., days: Int = 365) throws {
    folder = FileManager.default.temporaryDirectory
      .appending(path: "thumbprint-certificates-\(UUID().uuidString)")
    try add(names, days: days)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// Makes more, of the same authority.
  public func add(_ names: [String], days: Int = 365) throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let process = Process()
    process.executableURL = root.appending(path: "Cluster/certificates")
    process.arguments = ["--days", "\(days)", folder.path] + names
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
  }

  public subscript(name: String) -> Files {
    func path(_ file: String) -> String { folder.appending(path: file).path }
    return Files(
      certificate: path("\(name).crt"), key: path("\(name).key"),
      authority: path("authority.crt"))
  }

  /// Puts the files of one holder in place of those of another, each in one step, as whoever renews
  /// certificates should.
  public func replace(_ old: String, with new: Files) throws {
    for (from, to) in [(new.key, self[old].key), (new.certificate, self[old].certificate)] {
      let copy = URL(filePath: to + ".new")
      try Data(contentsOf: URL(filePath: from)).write(to: copy)
      guard rename(copy.path, to) == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
  }
}
