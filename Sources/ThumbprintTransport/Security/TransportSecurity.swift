// With its neighbours and WireConnection.swift, the only files that talk to NIOSSL.

import Glibc
import Logging
import NIOCore
import NIOSSL
import Synchronization
import ThumbprintWire

/// Who this process is, and whom it believes, over TLS 1.2 or later.
///
/// Both sides of a connection show a certificate that the authority signed, or there is none. Whoever
/// opens a connection also checks that the certificate is for the host name, or the address, that it
/// called, or the address that the name led to: no other holder of a certificate can pass for that
/// host, unless he rules the name service too. The other side asks for no name.
///
/// The files are read again when one of them has changed, which each new connection looks at; if they
/// do not fit together the earlier ones stay. Connections that are open keep what they began with.
/// Any thread may use it.
public final class TransportSecurity: Sendable {
  private let files: SecurityFiles
  private let logger: Logger?
  private let state: Mutex<State>

  private struct State {
    var stamps: [FileStamp]
    var contexts: Contexts
  }

  /// What the files say, ready for use.
  private struct Contexts: Sendable {
    var server: NIOSSLContext
    var client: NIOSSLContext
    /// For a peer that is this process itself, under whatever address.
    var ownClient: NIOSSLContext
    /// For browsers and programs, who need no certificate.
    var http: NIOSSLContext
    var certificate: NIOSSLCertificate
  }

  /// Reads the files.
  ///
  /// - Parameter logger: Told when they were read again, or could not be.
  /// - Throws: `invalid`, naming the setting and the file.
  public init(_ files: SecurityFiles, logger: Logger? = nil) throws(ServiceError) {
    self.files = files
    self.logger = logger
    let stamps = files.stamps
    state = Mutex(State(stamps: stamps, contexts: try Self.read(files)))
  }

  /// What an operator should know about the files: a line each.
  public var warnings: [String] {
    var lines: [String] = []
    if files.isKeyPublic {
      lines.append("--tls-key: '\(files.key)' can be read by everybody on this machine: chmod 600")
    }
    let end = state.withLock { $0.contexts.certificate.notValidAfter }
    let left = end - time(nil)
    if left < Self.expirySeconds {
      lines.append(
        "--tls-certificate: '\(files.certificate)' \(left < 0 ? "expired" : "expires") on "
          + SecurityText.date(end))
    }
    return lines
  }

  /// A certificate that ends so soon is warned about: two weeks.
  private static let expirySeconds = 14 * 86_400

  /// How long the end of a connection may take that the other side does not answer.
  private static let shutdownTimeout = TimeAmount.seconds(1)

  // MARK: Reading

  private static func read(_ files: SecurityFiles) throws(ServiceError) -> Contexts {
    let chain = try certificates(files.certificate, setting: "--tls-certificate")
    let authority = try certificates(files.authority, setting: "--tls-authority")
    let bytes = try SmallFile.read(files.key, setting: "--tls-key")
    guard let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) else {
      throw ServiceError(
        .invalid, "--tls-key: '\(files.key)' holds no private key in PEM without a passphrase")
    }
    let sources = chain.map { NIOSSLCertificateSource.certificate($0) }
    var server = TLSConfiguration.makeServerConfigurationWithMTLS(
      certificateChain: sources, privateKey: .privateKey(key),
      trustRoots: .certificates(authority))
    var http = TLSConfiguration.makeServerConfiguration(
      certificateChain: sources, privateKey: .privateKey(key))
    var client = TLSConfiguration.makeClientConfiguration()
    client.certificateChain = sources
    client.privateKey = .privateKey(key)
    client.trustRoots = .certificates(authority)
    harden(&server)
    harden(&http)
    harden(&client)
    var ownClient = client
    ownClient.certificateVerification = .noHostnameVerification
    do {
      return Contexts(
        server: try NIOSSLContext(configuration: server),
        client: try NIOSSLContext(configuration: client),
        ownClient: try NIOSSLContext(configuration: ownClient),
        http: try NIOSSLContext(configuration: http), certificate: chain[0])
    } catch {
      throw ServiceError(
        .invalid,
        "--tls-key: '\(files.key)' does not belong to the certificate '\(files.certificate)'")
    }
  }

  private static func harden(_ configuration: inout TLSConfiguration) {
    configuration.minimumTLSVersion = .tlsv12
    configuration.shutdownTimeout = shutdownTimeout
  }

  private static func certificates(
    _ path: String, setting: String
  ) throws(ServiceError) -> [NIOSSLCertificate] {
    let bytes = try SmallFile.read(path, setting: setting)
    guard let all = try? NIOSSLCertificate.fromPEMBytes(bytes), !all.isEmpty else {
      throw ServiceError(.invalid, "\(setting): '\(path)' holds no certificate in PEM")
    }
    return all
  }

  /// What the files say now.
  private var contexts: Contexts {
    let stamps = files.stamps
    return state.withLock { state in
      guard stamps != state.stamps else { return state.contexts }
      state.stamps = stamps
      do throws(ServiceError) {
        state.contexts = try Self.read(files)
        logger?.notice(
          "certificate read again",
          metadata: [
            "certificate": "\(files.certificate)",
            "until": "\(SecurityText.date(state.contexts.certificate.notValidAfter))",
          ])
      } catch {
        logger?.warning("the earlier certificate stays", metadata: ["why": "\(error.message)"])
      }
      return state.contexts
    }
  }

  // MARK: Connections

  /// The handler of a connection that was opened by a peer.
  func serverHandler() -> NIOSSLServerHandler { NIOSSLServerHandler(context: contexts.server) }

  /// The handler of a connection that was opened by a browser.
  func httpHandler() -> NIOSSLServerHandler { NIOSSLServerHandler(context: contexts.http) }

  /// The handler of a connection to a host.
  ///
  /// - Parameter isOwn: Whether the host is this process itself.
  func clientHandler(
    host: String, isOwn: Bool
  ) throws(ServiceError) -> NIOSSLClientHandler {
    let contexts = contexts
    // Of a peer that was called by its address, the address is looked for in its certificate.
    let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
    do {
      return try NIOSSLClientHandler(
        context: isOwn ? contexts.ownClient : contexts.client,
        serverHostname: isAddress ? nil : host)
    } catch {
      throw ServiceError(.invalid, "'\(host)' is no host name that a certificate could be for")
    }
  }
}

/// How to speak TLS to one peer.
public struct PeerSecurity: Sendable {
  let security: TransportSecurity
  let isOwn: Bool

  /// A peer whose certificate has to be for the name or the address by which it is called.
  public init(_ security: TransportSecurity) {
    self.security = security
    isOwn = false
  }

  /// A port of this process itself, the certificate of which need not be for the address by which
  /// the process calls it.
  public init(toItself security: TransportSecurity) {
    self.security = security
    isOwn = true
  }

  func handler(host: String) throws(ServiceError) -> NIOSSLClientHandler {
    try security.clientHandler(host: host, isOwn: isOwn)
  }
}
