/// One field of a fixed layout. The tables of `docs/formats/wire.md` are compared with these.
package struct WireField: Sendable {
  package let name: StaticString
  package let offset: Int
  package let byteCount: Int

  init(_ name: StaticString, _ offset: Int, _ byteCount: Int) {
    self.name = name
    self.offset = offset
    self.byteCount = byteCount
  }
}

/// Fields that follow one another without a gap: the fixed part of a message, or one of many
/// entries in it.
protocol WireLayout {
  static var name: StaticString { get }
  static var fields: [WireField] { get }
  static var byteCount: Int { get }
  /// Fields that must be zero.
  static var reserved: [WireField] { get }
}

extension WireLayout {
  static var reserved: [WireField] { [] }
}

/// Every layout, in the order of the tables.
package enum WireLayouts {
  private static var types: [any WireLayout.Type] {
    [
      FrameHeaderLayout.self, ErrorLayout.self, HelloLayout.self, WelcomeLayout.self,
      PingLayout.self, CancelLayout.self, RowsLayout.self, SearchLayout.self,
      SearchReplyLayout.self, ShardStatusLayout.self, CertificateLayout.self, FetchLayout.self,
      ScanLayout.self, ScanReplyLayout.self, AppendLayout.self, AppendReplyLayout.self,
      LogPullLayout.self, LogReplyLayout.self, CopyOpenLayout.self, CopyOpenReplyLayout.self,
      CopyReadLayout.self, CopyReadReplyLayout.self, CopyCloseLayout.self,
    ]
  }

  package static let all: [(name: String, fields: [WireField], byteCount: Int)] = types.map {
    ("\($0.name)", $0.fields, $0.byteCount)
  }
}
