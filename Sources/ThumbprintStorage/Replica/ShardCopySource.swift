import ThumbprintCodes
import ThumbprintIndex

/// One state of a shard, to be copied as it is: rows, index and lists; nothing is built anew.
///
/// Keeps the state for as long as it lives, so that the file grows by what is written meanwhile:
/// let go of it when the copy is done or given up. The log is not copied: the copy follows the
/// source from ``position`` on.
package final class ShardCopySource: Sendable {
  /// What ``ShardCopyTarget/begin(_:)`` takes.
  package let manifest: [UInt8]
  package let items: [ShardCopyItem]
  package let meta: ShardMeta
  private let shard: Shard
  private let view: ShardView
  /// By number, where they stand in the view.
  private let blocks: [UInt64: Int]
  private let segments: [UInt64: Int]

  fileprivate init(_ shard: Shard, _ view: ShardView) throws {
    self.shard = shard
    self.view = view
    manifest = try ShardCopyManifest.encode(view)
    let read = try ShardCopyManifest(manifest)
    items = read.items
    meta = read.meta
    blocks = Dictionary(
      uniqueKeysWithValues: view.blocks.enumerated().map { ($0.element.number, $0.offset) })
    segments = Dictionary(
      uniqueKeysWithValues: view.segments.enumerated().map {
        ($0.element.descriptor.number, $0.offset)
      })
  }

  package var position: LogPosition { meta.position }

  /// Bytes of an item: `count` from `offset` on, or as many as there are.
  ///
  /// The first bytes of an item are handed out once its checksum was found right.
  ///
  /// - Throws: ``StoreError``: `invalid` for bytes that no item has; `corrupt` for damaged ones.
  package func read(item index: Int, offset: Int, count: Int) throws -> [UInt8] {
    guard items.indices.contains(index), offset >= 0, offset <= items[index].byteCount, count >= 0
    else {
      throw StoreError(
        .invalid, "a copy of \(items.count) items has no byte \(offset) of item \(index)",
        path: view.path)
    }
    let item = items[index]
    return try shard.noting {
      try view.reading {
        if offset == 0 { try verify(item) }
        let end = offset + min(count, item.byteCount - offset)
        return Array(try bytes(item)[offset..<end])
      }
    }
  }

  private func bytes(_ item: ShardCopyItem) throws -> UnsafeRawBufferPointer {
    let found: UnsafeRawBufferPointer?
    switch item.kind {
    case .rows: found = blocks[item.number].map { view.blocks[$0].columnBytes }
    case .names: found = blocks[item.number].flatMap { view.blocks[$0].names?.body }
    case .tags: found = blocks[item.number].flatMap { view.blocks[$0].tags?.body }
    case .piece: found = segments[item.number].flatMap { view.segments[$0].pieces[item.piece] }
    }
    guard let found, found.count == item.byteCount else {
      throw FormatError("item \(item.index)", expected: "\(item.byteCount) bytes", found: "others")
    }
    return found
  }

  private func verify(_ item: ShardCopyItem) throws {
    switch item.kind {
    case .rows:
      if let block = blocks[item.number] { try view.blocks[block].verify(BlockColumn.allCases) }
    case .names, .tags:
      if let block = blocks[item.number] { try view.verifyTexts(of: view.blocks[block]) }
    case .piece:
      if let segment = segments[item.number] { try view.segments[segment].verify([item.piece]) }
    }
  }
}

extension Shard {
  /// The last state, to be copied to another place.
  ///
  /// - Throws: ``StoreError``: `invalid` if the shard has more lists than a copy takes, or is of
  ///   format version 1 still; `corrupt`, `closed`, `io`.
  package func copySource() throws -> ShardCopySource {
    try noting {
      let view = try view()
      guard view.meta.version == ShardMeta.formatVersion else {
        throw StoreError(
          .invalid,
          "has format version \(view.meta.version); a copy has "
            + "\(ShardMeta.formatVersion)", path: path, hint: "the first write upgrades it")
      }
      return try view.reading { try ShardCopySource(self, view) }
    }
  }
}

extension BlockView {
  /// The value without its header.
  var columnBytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[BlockLayout.byteCount...])
  }
}
