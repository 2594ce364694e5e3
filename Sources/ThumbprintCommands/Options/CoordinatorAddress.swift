/// Where a coordinator listens: `HOST:PORT`, `[ADDRESS]:PORT` for an address with colons.
package struct CoordinatorAddress: Sendable, Hashable, CustomStringConvertible {
  package var host: String
  package var port: Int

  package init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
      port > 0, text[text.index(after: colon)...].utf8.allSatisfy({ (0x30...0x39).contains($0) })
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    guard !host.isEmpty, host.utf8.count <= Self.hostByteCountMax,
      !host.contains(where: { $0.isWhitespace || $0 == "/" || $0 == "[" || $0 == "]" })
    else { return nil }
    self.host = String(host)
    self.port = Int(port)
  }

  /// The longest name that the domain name system has.
  private static let hostByteCountMax = 253

  package var description: String {
    host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
