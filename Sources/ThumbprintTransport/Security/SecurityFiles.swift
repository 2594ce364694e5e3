import Glibc
import ThumbprintWire

/// The three files, in PEM, that a process needs to speak TLS.
public struct SecurityFiles: Sendable, Hashable {
  /// The certificate of this process, and those between it and the authority, if there are any.
  public var certificate: String
  /// The private key of the certificate, without a passphrase.
  public var key: String
  /// The certificates of those who may sign that of a peer.
  public var authority: String

  public init(certificate: String, key: String, authority: String) {
    self.certificate = certificate
    self.key = key
    self.authority = authority
  }

  /// The files that settings name; `nil` if they name none.
  ///
  /// - Throws: `invalid` if some are named and others are not.
  public init?(
    certificate: String?, key: String?, authority: String?
  ) throws(ServiceError) {
    let settings = [
      ("--tls-certificate", certificate), ("--tls-key", key), ("--tls-authority", authority),
    ]
    if let certificate, let key, let authority {
      self.init(certificate: certificate, key: key, authority: authority)
    } else if let given = settings.first(where: { $0.1 != nil }),
      let missing = settings.first(where: { $0.1 == nil })
    {
      throw ServiceError(
        .invalid, "\(missing.0) is missing: \(given.0) is given, and TLS needs all three",
        hint: "give --tls-certificate, --tls-key and --tls-authority, or none of them")
    } else {
      return nil
    }
  }

  /// Whether anybody on this machine may read the key.
  var isKeyPublic: Bool {
    var status = stat()
    return stat(key, &status) == 0 && status.st_mode & 0o004 != 0
  }

  /// What tells whether one of the files is another than before.
  var stamps: [FileStamp] { [certificate, key, authority].map(FileStamp.init) }
}

/// What tells whether a file is another than before, without reading it.
package struct FileStamp: Sendable, Hashable {
  private var numbers: [Int] = []

  package init(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return }
    numbers = [
      Int(bitPattern: UInt(status.st_dev)), Int(bitPattern: UInt(status.st_ino)),
      Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
    ]
  }
}

/// Small files of settings.
package enum SmallFile {
  /// The most bytes that such a file may have.
  package static let byteCountMax = 1 << 20

  /// The bytes of a file.
  ///
  /// - Parameter setting: What named it, for messages.
  /// - Throws: `invalid` if it cannot be read, or is too large.
  package static func read(
    _ path: String, setting: String
  ) throws(ServiceError) -> [UInt8] {
    func failure(_ what: String) -> ServiceError {
      ServiceError(.invalid, "\(setting): '\(path)' \(what)")
    }
    guard let file = fopen(path, "re") else {
      throw failure("cannot be read: \(String(cString: strerror(errno)))")
    }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: byteCountMax + 1)
    let count = fread(&bytes, 1, bytes.count, file)
    guard ferror(file) == 0 else {
      throw failure("cannot be read: \(String(cString: strerror(errno)))")
    }
    guard count <= byteCountMax else { throw failure("has more than \(byteCountMax) bytes") }
    return Array(bytes[..<count])
  }
}
