import Glibc
import NIOCore
import NIOSSL
import ThumbprintWire

/// What went wrong with TLS, in one line.
enum SecurityProblem {
  /// What a client met.
  ///
  /// - Parameters:
  ///   - address: `HOST:PORT` that was called.
  ///   - certificate: What the server showed, if it came so far.
  /// - Returns: `nil` for an error that is not about TLS, or about no more than its end.
  static func met(
    _ error: any Error, address: String, certificate: NIOSSLCertificate?
  ) -> ServiceError? {
    guard let reason = SecurityText.reason(error) else { return nil }
    let whose = "the certificate of \(address)"
    if error as? NIOSSLExtraError == .failedToValidateHostname {
      let names = certificate.map(SecurityText.names) ?? []
      let list = names.isEmpty ? "no name" : names.joined(separator: ", ")
      return problem(
        "\(whose) is not for that host, but for \(list)",
        "call it by a name of its certificate, or give it a certificate for this one")
    }
    if reason.contains("CERTIFICATE_VERIFY_FAILED") {
      return problem(
        "\(whose) \(SecurityText.fault(certificate))", "check --tls-authority, and the clock")
    }
    if let complaint = SecurityText.complaint(reason) {
      return problem(
        "\(address) does not accept our certificate: \(complaint)",
        "check --tls-certificate, and the --tls-authority of \(address)")
    }
    if SecurityText.isNoTLS(reason) {
      return problem(
        "\(address) does not speak TLS",
        "leave out --tls-certificate, --tls-key and --tls-authority, or give them to it too")
    }
    return problem("TLS with \(address) failed: \(reason)", nil)
  }

  /// What a server met; `nil` as above.
  static func met(_ error: any Error, byPeerWith certificate: NIOSSLCertificate?) -> ServiceError? {
    guard let reason = SecurityText.reason(error) else { return nil }
    let what: String =
      if reason.contains("PEER_DID_NOT_RETURN_A_CERTIFICATE") {
        "TLS: the peer shows no certificate"
      } else if reason.contains("CERTIFICATE_VERIFY_FAILED") {
        "TLS: the certificate of the peer \(SecurityText.fault(certificate))"
      } else if let complaint = SecurityText.complaint(reason) {
        "TLS: the peer does not accept our certificate: \(complaint)"
      } else {
        "TLS: \(reason)"
      }
    return ServiceError(.refused, what)
  }

  /// A peer that cannot be spoken to is as good as absent: another replica may answer, and once its
  /// files are right it is there again.
  private static func problem(_ message: String, _ hint: String?) -> ServiceError {
    ServiceError(.unavailable, message, hint: hint)
  }
}

/// The words of the library, and ours for them.
enum SecurityText {
  /// The word of the library for what went wrong; `nil` if it is not about TLS.
  static func reason(_ error: any Error) -> String? {
    switch error {
    case is NIOSSLExtraError: return "\(error)"
    case NIOSSLError.handshakeFailed(let cause): return word(cause)
    case let cause as BoringSSLError:
      if case .zeroReturn = cause { return nil }
      return word(cause)
    case NIOSSLError.uncleanShutdown, NIOSSLError.shutdownFailed, is NIOSSLCloseTimedOutError:
      return nil
    case is NIOSSLError: return "\(error)"
    default: return nil
    }
  }

  /// `CERTIFICATE_VERIFY_FAILED`, of all that the library says around it.
  private static func word(_ error: BoringSSLError) -> String {
    let text = "\(error)"
    if text.contains("EOF during handshake") { return "the connection ended in the handshake" }
    guard let place = text.firstRange(of: "OPENSSL_internal:") else { return text }
    return String(text[place.upperBound...].prefix { $0 != " " })
  }

  /// What the other side says about our certificate, if that is what it says.
  static func complaint(_ reason: String) -> String? {
    guard reason.contains("ALERT") else { return nil }
    let complaints = [
      ("UNKNOWN_CA", "its authority did not sign it"),
      ("CERTIFICATE_EXPIRED", "it has expired"),
      ("CERTIFICATE_REVOKED", "it was revoked"),
      ("CERTIFICATE_REQUIRED", "it was not shown"),
      ("UNSUPPORTED_CERTIFICATE", "it is not made for this use"),
      ("BAD_CERTIFICATE", "something is wrong with it"),
      ("CERTIFICATE_UNKNOWN", "something is wrong with it"),
      ("HANDSHAKE_FAILURE", "it was not shown, or there is no cipher that both know"),
    ]
    return complaints.first { reason.contains($0.0) }?.1
  }

  /// Whether the bytes that came were no TLS at all.
  static func isNoTLS(_ reason: String) -> Bool {
    ["WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "UNEXPECTED_MESSAGE"].contains {
      reason.contains($0) && !reason.contains("ALERT")
    }
  }

  /// Why a certificate is not believed.
  static func fault(_ certificate: NIOSSLCertificate?) -> String {
    guard let certificate else { return "is not to be believed" }
    let now = time(nil)
    if certificate.notValidAfter < now {
      return "expired on \(date(certificate.notValidAfter))"
    }
    if certificate.notValidBefore > now {
      return "is not valid before \(date(certificate.notValidBefore))"
    }
    return "is not signed by our authority for this use"
  }

  /// The names and addresses that a certificate is for.
  static func names(_ certificate: NIOSSLCertificate) -> [String] {
    certificate._subjectAlternativeNames().prefix(16).compactMap { name in
      let bytes = Array(name.contents)
      switch name.nameType {
      case .dnsName:
        return String(
          decoding: bytes.prefix(255).filter { (0x21...0x7E).contains($0) }, as: UTF8.self)
      case .ipAddress:
        return try? SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: 0).ipAddress
      default: return nil
      }
    }
  }

  /// `2026-01-31T12:00:00Z`.
  static func date(_ moment: time_t) -> String {
    var moment = moment
    var parts = tm()
    gmtime_r(&moment, &parts)
    var text = [CChar](repeating: 0, count: 32)
    let count = strftime(&text, text.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
    return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
