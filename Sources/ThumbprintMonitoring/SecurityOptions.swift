import ArgumentParser
import Logging
import ThumbprintServer
import ThumbprintTransport
import ThumbprintWire

/// The flags of both daemons about who may ask them.
public struct SecurityOptions: ParsableArguments {
  @Option(help: "The certificate of this process, in PEM: with it, all ports speak TLS.")
  public var tlsCertificate: String?

  @Option(help: "The private key of the certificate, in PEM.")
  public var tlsKey: String?

  @Option(help: "The certificates of those who may sign that of a peer, in PEM.")
  public var tlsAuthority: String?

  @Option(help: "A file with the token that HTTP requests have to bring (default: none is needed).")
  public var httpTokenFile: String?

  public init() {}

  /// The names of these settings in a file.
  static let keys: Set<String> = [
    "tls-certificate", "tls-key", "tls-authority", "http-token-file",
  ]

  /// What the settings about TLS say; `nil` if they say nothing.
  func security(
    _ settings: SettingsSource, logger: Logger
  ) throws(SettingsError) -> TransportSecurity? {
    do throws(ServiceError) {
      let files = try SecurityFiles(
        certificate: settings.value("tls-certificate", flag: tlsCertificate)?.text,
        key: settings.value("tls-key", flag: tlsKey)?.text,
        authority: settings.value("tls-authority", flag: tlsAuthority)?.text)
      guard let files else { return nil }
      let security = try TransportSecurity(files, logger: logger)
      for line in security.warnings { logger.warning("TLS", metadata: ["why": "\(line)"]) }
      return security
    } catch {
      throw SettingsError(error.message, hint: error.hint)
    }
  }

  /// The token that HTTP requests have to bring; `nil` if none is needed.
  func token(
    _ settings: SettingsSource, logger: Logger
  ) throws(SettingsError) -> HTTPToken? {
    guard let path = settings.value("http-token-file", flag: httpTokenFile)?.text else {
      return nil
    }
    do throws(ServiceError) {
      return try HTTPToken(path: path, logger: logger)
    } catch {
      throw SettingsError(error.message, hint: error.hint)
    }
  }
}

extension ServingOptions.Values {
  /// Says at start what strangers could do who reach a port, a line for each.
  ///
  /// - Parameters:
  ///   - host: Where the process listens for frames.
  ///   - hasAPI: Whether more than probes and metrics are served over HTTP.
  public func warnOfOpenPorts(listeningAt host: String, hasAPI: Bool) {
    if security == nil, !Self.isLoopback(host) {
      logger.warning(
        "whoever reaches this port may read and change everything",
        metadata: ["listen": "\(host)", "hint": "--tls-certificate, --tls-key, --tls-authority"])
    }
    if hasAPI, token == nil, let http, !Self.isLoopback(http.host) {
      logger.warning(
        "whoever reaches the HTTP port may read and change everything",
        metadata: ["http": "\(http.host)", "hint": "--http-token-file"])
    }
  }

  /// Whether only this machine reaches what listens there.
  static func isLoopback(_ host: String) -> Bool {
    ["localhost", "::1"].contains(host) || host.hasPrefix("127.")
  }
}
