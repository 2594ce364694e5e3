import ThumbprintCodes

/// The rows of a coded dataset, read in place.
public struct DatasetLoadSource: RemoteLoadSource {
  private static let stepRowCount = 4_096
  /// Memory of the arrays is let go of in pieces of so many rows.
  private static let releaseRowCount = 1 << 16

  private let dataset: CodedDataset
  private var next = 0
  private var released = 0

  public init(_ dataset: CodedDataset) {
    self.dataset = dataset
  }

  public var path: String { dataset.path }
  public var count: Int? { dataset.count }
  public var coder: CoderIdentity? { dataset.coder }
  public var expectedDigest: RecordDigest? { dataset.manifest?.digest }

  public mutating func next(_ body: (RemoteLoadRow) -> Void) async throws -> Bool {
    let end = min(next + Self.stepRowCount, dataset.count)
    let none = UnsafeRawBufferPointer(start: nil, count: 0)
    try dataset.forEachRow(in: next..<end) { row in
      body(
        RemoteLoadRow(
          id: row.id, feature: row.feature, image: row.image, name: row.name ?? none,
          tags: row.tags))
    }
    next = end
    if next - released >= Self.releaseRowCount || next == dataset.count {
      dataset.releaseMemory(of: released..<next)
      released = next
    }
    return next < dataset.count
  }
}

/// Records that come one after another.
public struct RecordLoadSource<Records: AsyncSequence>: RemoteLoadSource
where Records.Element == Record {
  public let path: String
  public let count: Int?
  public let coder: CoderIdentity?
  public let expectedDigest: RecordDigest?
  private var iterator: Records.AsyncIterator

  private static var stepRowCount: Int { 1_024 }

  /// - Parameter path: Where they come from, for messages.
  public init(
    _ records: Records, path: String, count: Int? = nil, coder: CoderIdentity? = nil,
    expectedDigest: RecordDigest? = nil
  ) {
    iterator = records.makeAsyncIterator()
    self.path = path
    self.count = count
    self.coder = coder
    self.expectedDigest = expectedDigest
  }

  public mutating func next(_ body: (RemoteLoadRow) -> Void) async throws -> Bool {
    for _ in 0..<Self.stepRowCount {
      guard let record = try await iterator.next() else { return false }
      try RemoteCollection.check(record)
      record.withUnsafeRow(body)
    }
    return true
  }
}

extension Record {
  /// Calls `body` with the memory of the parts.
  fileprivate func withUnsafeRow(_ body: (RemoteLoadRow) -> Void) {
    var name = name ?? ""
    let tags = tags.isEmpty ? [] : TagsJSON.encode(tags)
    name.withUTF8 { name in
      tags.withUnsafeBytes { tags in
        feature.withUnsafeBytes { feature in
          image.withUnsafeBytes { image in
            guard let feature = feature.baseAddress, let image = image.baseAddress else {
              preconditionFailure("codes have bytes")
            }
            body(
              RemoteLoadRow(
                id: id, feature: feature, image: image, name: UnsafeRawBufferPointer(name),
                tags: tags))
          }
        }
      }
    }
  }
}
