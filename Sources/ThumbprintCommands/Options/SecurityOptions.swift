import ArgumentParser
import Foundation
import ThumbprintTransport
import ThumbprintWire

/// What is shown to a cluster that speaks TLS, and who is believed.
struct SecurityOptions: ParsableArguments {
  private static let certificateVariable = "THUMBPRINT_TLS_CERTIFICATE"
  private static let keyVariable = "THUMBPRINT_TLS_KEY"
  private static let authorityVariable = "THUMBPRINT_TLS_AUTHORITY"

  @Option(
    help: ArgumentHelp(
      "Speak TLS, and show the certificate in this file (default: $\(Self.certificateVariable)).",
      valueName: "file"))
  var tlsCertificate: String?

  @Option(
    help: ArgumentHelp(
      "The private key of the certificate (default: $\(Self.keyVariable)).", valueName: "file"))
  var tlsKey: String?

  @Option(
    help: ArgumentHelp(
      "Believe whom these certificates signed (default: $\(Self.authorityVariable)).",
      valueName: "file"))
  var tlsAuthority: String?

  /// What the flags and the variables say; `nil` for a cluster without TLS.
  var security: PeerSecurity? {
    get throws {
      do throws(ServiceError) {
        let files = try SecurityFiles(
          certificate: tlsCertificate ?? Self.named(Self.certificateVariable),
          key: tlsKey ?? Self.named(Self.keyVariable),
          authority: tlsAuthority ?? Self.named(Self.authorityVariable))
        guard let files else { return nil }
        let security = try TransportSecurity(files)
        for line in security.warnings {
          FileHandle.standardError.write(Data("thumbprint: warning: \(line)\n".utf8))
        }
        return PeerSecurity(security)
      } catch {
        throw CommandError(.usage, error.message, hint: error.hint)
      }
    }
  }

  private static func named(_ variable: String) -> String? {
    let text = ProcessInfo.processInfo.environment[variable] ?? ""
    return text.isEmpty ? nil : text
  }
}
