import Glibc

/// Looks at a file before LMDB does.
///
/// LMDB trusts its pages: a page number, an offset or a length that is wrong makes it read
/// wherever that leads, or abort. So every page of every tree of a snapshot, and the heads of
/// the runs that hold large values, are checked here first: kinds, bounds, order of keys, counts,
/// and that no page is used twice. What the values say is not looked at; they carry checksums.
/// Cost: one pass over the pages of the trees, some hundreds for a million records.
package enum LMDBFileCheck {
  /// What a whole snapshot was found to consist of.
  package struct Summary: Sendable, Hashable {
    package var pageByteCount: Int
    package var transactionID: UInt64
    package var treePageCount: Int
    package var overflowPageCount: Int
    package var freePageCount: Int
    /// Entries by the name of the database.
    package var entryCounts: [String: Int]
  }

  /// Checks the size and the two meta pages, by plain reads: safe on any file.
  ///
  /// - Throws: ``StoreError``: `corrupt` with the offset, `notFound`, `io`.
  package static func checkHeader(_ path: String) throws {
    let file = try ReadOnlyFile(path)
    _ = try file.metas()
  }

  /// Checks everything that LMDB reads of the snapshot of a transaction, which must be open, so
  /// that no writer uses its pages again meanwhile.
  ///
  /// - Returns: `nil` if writers have committed twice since the transaction began, and its meta
  ///   page is gone: begin another and ask again.
  package static func checkSnapshot(_ path: String, transactionID: UInt64) throws -> Summary? {
    let file = try ReadOnlyFile(path)
    let metas = try file.metas()
    guard let meta = metas.first(where: { $0.transactionID == transactionID }) else {
      if metas.contains(where: { $0.transactionID > transactionID }) { return nil }
      throw StoreError.corrupt(
        path: path, "the meta pages", expected: "transaction \(transactionID)",
        found: "an earlier one")
    }
    return try file.withMap { bytes in
      var walk = LMDBWalk(bytes, meta: meta)
      do {
        return try walk.run()
      } catch let fault as LMDBFault {
        throw file.error(fault, pageByteCount: meta.pageByteCount)
      }
    }
  }
}

/// A file opened for checking only.
private final class ReadOnlyFile {
  let path: String
  let descriptor: Int32
  let byteCount: Int

  convenience init(_ path: String) throws {
    // Without O_NONBLOCK, opening a pipe would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { throw StoreError.system(errno, "cannot open", path: path) }
    self.init(path, descriptor, byteCount: Int(lseek(descriptor, 0, SEEK_END)))
    guard byteCount >= 0, !FileStatus.isFolder(path) else {
      throw StoreError(.corrupt, "is not a regular file", path: path)
    }
  }

  private init(_ path: String, _ descriptor: Int32, byteCount: Int) {
    self.path = path
    self.descriptor = descriptor
    self.byteCount = byteCount
  }

  deinit { close(descriptor) }

  func error(_ fault: LMDBFault, pageByteCount: Int) -> StoreError {
    let offset = fault.page.multipliedReportingOverflow(by: UInt64(pageByteCount)).partialValue
    return StoreError.corrupt(
      path: path, "\(fault.place), page \(fault.page) at byte \(offset)",
      expected: fault.expected, found: fault.found)
  }

  /// Both meta pages. LMDB wants both sound, and uses the later.
  func metas() throws -> [LMDBMeta] {
    // Commits write them in turn, so their transactions are neighbours. A writer in another
    // process may commit between our two reads; it will not do so every time.
    for _ in 0..<8 {
      let metas = try readMetas()
      let (even, odd) = (metas[0].transactionID, metas[1].transactionID)
      let areNeighbours = even % 2 == 0 && odd % 2 == 1 && (odd == even &+ 1 || even == odd &+ 1)
      if areNeighbours || (even == 0 && odd == 0) { return metas }
    }
    throw StoreError.corrupt(
      path: path, "the meta pages", expected: "two transactions in a row", found: "others")
  }

  private func readMetas() throws -> [LMDBMeta] {
    let pageByteCount = Int(sysconf(Int32(_SC_PAGESIZE)))
    guard byteCount >= 2 * pageByteCount else {
      throw StoreError.corrupt(
        path: path, "the file", expected: "at least \(2 * pageByteCount) bytes",
        found: byteCount)
    }
    var pages = [UInt8](repeating: 0, count: 2 * pageByteCount)
    let read = pages.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
    guard read == pages.count else {
      throw StoreError.system(read < 0 ? errno : EIO, "cannot read", path: path)
    }
    return try pages.withUnsafeBytes { pages in
      try (0..<2).map { number in
        let start = number * pageByteCount
        let page = UnsafeRawBufferPointer(rebasing: pages[start..<start + pageByteCount])
        do {
          let meta = try LMDBMeta.read(page, number: number)
          try check(meta, number: number, pageByteCount: pageByteCount)
          return meta
        } catch let fault as LMDBFault {
          throw error(fault, pageByteCount: pageByteCount)
        }
      }
    }
  }

  private func check(_ meta: LMDBMeta, number: Int, pageByteCount: Int) throws {
    func fault(_ what: String, _ expected: String, _ found: String) -> LMDBFault {
      LMDBFault(page: UInt64(number), "\(what) of the meta page", expected, found)
    }
    guard meta.pageByteCount == pageByteCount else {
      throw fault("page size", "\(pageByteCount) as on this machine", "\(meta.pageByteCount)")
    }
    guard meta.flags == LMDBLayout.environmentFlags else {
      throw fault("flags", "\(LMDBLayout.environmentFlags)", "\(meta.flags)")
    }
    // Pages at the end may be free and never written, so the file may be a little shorter; what
    // a tree uses is held against the size of the file when it is walked.
    let pageCountMax = UInt64(LMDBEnvironment.mapByteCountMax / pageByteCount)
    guard meta.lastPage >= 1, meta.lastPage < pageCountMax else {
      throw fault("last page", "1 to \(pageCountMax - 1)", "\(meta.lastPage)")
    }
    for tree in [meta.free, meta.main]
    where tree.root != LMDBLayout.noPage
      && (tree.root < 2 || tree.root >= UInt64(byteCount / pageByteCount))
    {
      throw fault("root", "a page of the file", "\(tree.root)")
    }
  }

  func withMap<R>(_ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
    guard let map = mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, 0),
      map != MAP_FAILED
    else { throw StoreError.system(errno, "cannot map", path: path) }
    defer { munmap(map, byteCount) }
    return try body(UnsafeRawBufferPointer(start: map, count: byteCount))
  }
}

/// The walk over one snapshot.
private struct LMDBWalk {
  let bytes: UnsafeRawBufferPointer
  let meta: LMDBMeta
  let pageByteCount: Int
  /// Pages that lie in the file and that the snapshot knows.
  let pageCount: UInt64
  var used: [UInt64]
  var summary: LMDBFileCheck.Summary

  init(_ bytes: UnsafeRawBufferPointer, meta: LMDBMeta) {
    self.bytes = bytes
    self.meta = meta
    pageByteCount = meta.pageByteCount
    pageCount = min(UInt64(bytes.count / meta.pageByteCount), meta.lastPage + 1)
    used = [UInt64](repeating: 0, count: Int(pageCount + 63) / 64)
    used[0] = 3
    summary = LMDBFileCheck.Summary(
      pageByteCount: meta.pageByteCount, transactionID: meta.transactionID, treePageCount: 0,
      overflowPageCount: 0, freePageCount: 0, entryCounts: [:])
  }

  mutating func run() throws(LMDBFault) -> LMDBFileCheck.Summary {
    guard meta.main.flags == 0 else {
      throw LMDBFault(page: 0, "the main tree", "no flags", "\(meta.main.flags)")
    }
    var databases: [(String, LMDBTree)] = []
    try walk(meta.main, name: "main", integerKeys: false) { fault, node throws(LMDBFault) in
      guard node.flags == LMDBLayout.NodeFlags.database else {
        throw fault("an entry of the main tree", "a database", "flags \(node.flags)")
      }
      guard node.value.count == LMDBLayout.databaseByteCount else {
        throw fault("a database", "48 bytes", "\(node.value.count)")
      }
      databases.append((String(decoding: node.key, as: UTF8.self), LMDBTree(node.value)))
    }
    for (name, tree) in databases {
      guard ShardDatabase.allCases.contains(where: { $0.name == name }), tree.flags == 0 else {
        throw LMDBFault(
          page: meta.main.root, "the database '\(name)'", "a database of a shard", "another")
      }
      try walk(tree, name: name, integerKeys: false) { fault, node throws(LMDBFault) in
        guard node.flags & LMDBLayout.NodeFlags.database == 0 else {
          throw fault("an entry of '\(name)'", "a value", "a database")
        }
      }
      summary.entryCounts[name] = Int(tree.entryCount)
    }
    try walkFreeList()
    return summary
  }

  // MARK: Free pages

  private mutating func walkFreeList() throws(LMDBFault) {
    var lists: [(UInt64, UnsafeRawBufferPointer)] = []
    let meta = meta
    try walk(meta.free, name: "the free list", integerKeys: true) {
      fault, node throws(LMDBFault) in
      guard node.key.count == 8, node.flags & LMDBLayout.NodeFlags.database == 0,
        node.key.integer(0, as: UInt64.self) <= meta.transactionID
      else {
        throw fault("an entry of the free list", "a past transaction", "another key")
      }
      lists.append((fault.page, node.value))
    }
    for (page, list) in lists {
      guard list.count >= 8, list.count % 8 == 0 else {
        throw LMDBFault(page: page, "a free list", "whole numbers", "\(list.count) bytes")
      }
      let count: UInt64 = list.integer(0)
      guard count <= UInt64(list.count / 8 - 1) else {
        throw LMDBFault(
          page: page, "a free list", "at most \(list.count / 8 - 1) pages", "\(count)")
      }
      var previous = UInt64.max
      for i in 0..<Int(count) {
        let free: UInt64 = list.integer(8 + 8 * i)
        guard free >= 2, free <= meta.lastPage, free < previous else {
          throw LMDBFault(
            page: page, "a free list", "descending pages 2 to \(meta.lastPage)", "\(free)")
        }
        previous = free
        // Free pages beyond the end of the file were never written.
        if free < pageCount { try use(free, from: page, "a free page") }
      }
      summary.freePageCount += Int(count)
    }
  }

  private mutating func use(_ page: UInt64, from: UInt64, _ what: String) throws(LMDBFault) {
    let mask = UInt64(1) << (page & 63)
    guard used[Int(page >> 6)] & mask == 0 else {
      throw LMDBFault(page: from, what, "a page used once", "page \(page) again")
    }
    used[Int(page >> 6)] |= mask
  }

  // MARK: Trees

  struct Node {
    var flags: UInt16
    var key: UnsafeRawBufferPointer
    var value: UnsafeRawBufferPointer
  }

  /// Makes faults that name the page of a node.
  struct Place {
    var page: UInt64
    func callAsFunction(_ what: String, _ expected: String, _ found: String) -> LMDBFault {
      LMDBFault(page: page, what, expected, found)
    }
  }

  private struct Counts {
    var branches: UInt64 = 0
    var leaves: UInt64 = 0
    var overflow: UInt64 = 0
    var entries: UInt64 = 0
    var lastKey: UnsafeRawBufferPointer?
    /// The separator before the next key.
    var lowerBound: UnsafeRawBufferPointer?
  }

  private mutating func walk(
    _ tree: LMDBTree, name: String, integerKeys: Bool,
    _ visit: (Place, Node) throws(LMDBFault) -> Void
  ) throws(LMDBFault) {
    var counts = Counts()
    if tree.root == LMDBLayout.noPage {
      guard tree.depth == 0, tree.entryCount == 0 else {
        throw LMDBFault(page: 0, name, "an empty tree", "\(tree.entryCount) entries")
      }
    } else {
      guard (1...LMDBLayout.depthMax).contains(Int(tree.depth)) else {
        throw LMDBFault(
          page: tree.root, "the depth of \(name)", "1 to \(LMDBLayout.depthMax)",
          "\(tree.depth)")
      }
      try walkPage(
        tree.root, from: tree.root, depth: Int(tree.depth), integerKeys: integerKeys,
        counts: &counts, visit)
    }
    guard counts.branches == tree.branchPageCount, counts.leaves == tree.leafPageCount,
      counts.overflow == tree.overflowPageCount, counts.entries == tree.entryCount
    else {
      throw LMDBFault(
        page: tree.root == LMDBLayout.noPage ? 0 : tree.root, "the counts of \(name)",
        "\(tree.entryCount) entries in \(tree.leafPageCount) leaves",
        "\(counts.entries) in \(counts.leaves)")
    }
    summary.treePageCount += Int(counts.branches + counts.leaves)
    summary.overflowPageCount += Int(counts.overflow)
  }

  private mutating func walkPage(
    _ number: UInt64, from: UInt64, depth: Int, integerKeys: Bool, counts: inout Counts,
    _ visit: (Place, Node) throws(LMDBFault) -> Void
  ) throws(LMDBFault) {
    let page = try page(number, from: from)
    let place = Place(page: number)
    let flags: UInt16 = page.integer(10)
    let wanted = depth == 1 ? LMDBLayout.PageFlags.leaf : LMDBLayout.PageFlags.branch
    guard flags == wanted else {
      throw place("the kind of a page", "\(wanted)", "\(flags)")
    }
    let lower = Int(page.integer(12, as: UInt16.self))
    let upper = Int(page.integer(14, as: UInt16.self))
    let header = LMDBLayout.pageHeaderByteCount
    guard lower >= header, lower % 2 == 0, lower <= upper, upper <= pageByteCount else {
      throw place("the bounds of a page", "\(header) to \(pageByteCount)", "\(lower), \(upper)")
    }
    let count = (lower - header) / 2
    // The free list may be left with a branch of one child.
    guard count >= (depth == 1 || integerKeys ? 1 : 2) else {
      throw place("a page", "entries", "\(count)")
    }
    if depth == 1 { counts.leaves += 1 } else { counts.branches += 1 }
    for i in 0..<count {
      let offset = Int(page.integer(header + 2 * i, as: UInt16.self))
      let node = try nodeBytes(page, offset: offset, upper: upper, place)
      if depth > 1 {
        try walkBranch(
          node, isFirst: i == 0, place, depth: depth, integerKeys: integerKeys,
          counts: &counts, visit)
      } else {
        try walkLeaf(node, place, integerKeys: integerKeys, counts: &counts, visit)
      }
    }
  }

  private mutating func page(
    _ number: UInt64, from: UInt64
  ) throws(LMDBFault) -> UnsafeRawBufferPointer {
    guard number >= 2, number < pageCount else {
      throw LMDBFault(page: from, "a page number", "2 to \(pageCount - 1)", "\(number)")
    }
    try use(number, from: from, "a page of a tree")
    let start = Int(number) * pageByteCount
    let page = UnsafeRawBufferPointer(rebasing: bytes[start..<start + pageByteCount])
    guard page.integer(0, as: UInt64.self) == number else {
      throw LMDBFault(
        page: number, "the number of a page", "\(number)",
        "\(page.integer(0, as: UInt64.self))")
    }
    return page
  }

  /// A node, from its header to the end of its page, and its key, in bounds.
  private func nodeBytes(
    _ page: UnsafeRawBufferPointer, offset: Int, upper: Int, _ place: Place
  ) throws(LMDBFault) -> UnsafeRawBufferPointer {
    guard offset >= upper, offset % 2 == 0,
      offset + LMDBLayout.nodeHeaderByteCount <= pageByteCount
    else {
      throw place("the place of an entry", "\(upper) to \(pageByteCount - 8)", "\(offset)")
    }
    let node = UnsafeRawBufferPointer(rebasing: page[offset...])
    let keyByteCount = Int(node.integer(6, as: UInt16.self))
    guard keyByteCount <= LMDBLayout.keyByteCountMax,
      LMDBLayout.nodeHeaderByteCount + keyByteCount <= node.count
    else {
      throw place("the key of an entry", "inside its page", "\(keyByteCount) bytes")
    }
    return node
  }

  private func key(_ node: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let start = LMDBLayout.nodeHeaderByteCount
    let count = Int(node.integer(6, as: UInt16.self))
    return UnsafeRawBufferPointer(rebasing: node[start..<start + count])
  }

  private mutating func walkBranch(
    _ node: UnsafeRawBufferPointer, isFirst: Bool, _ place: Place, depth: Int,
    integerKeys: Bool, counts: inout Counts,
    _ visit: (Place, Node) throws(LMDBFault) -> Void
  ) throws(LMDBFault) {
    if !isFirst {
      // A separator is above every key before it, and not above what follows.
      let separator = key(node)
      guard isWellFormed(separator, integerKeys),
        let last = counts.lastKey, isLess(last, separator, integerKeys)
      else { throw place("the keys of a branch", "ascending", "others") }
      counts.lowerBound = separator
    }
    try walkPage(
      childPage(node), from: place.page, depth: depth - 1, integerKeys: integerKeys,
      counts: &counts, visit)
  }

  private func childPage(_ node: UnsafeRawBufferPointer) -> UInt64 {
    UInt64(node.integer(0, as: UInt32.self)) | UInt64(node.integer(4, as: UInt16.self)) << 32
  }

  private mutating func walkLeaf(
    _ node: UnsafeRawBufferPointer, _ place: Place, integerKeys: Bool, counts: inout Counts,
    _ visit: (Place, Node) throws(LMDBFault) -> Void
  ) throws(LMDBFault) {
    let key = key(node)
    guard isWellFormed(key, integerKeys) else {
      throw place("the key of an entry", "1 to 511 bytes", "\(key.count)")
    }
    if let last = counts.lastKey, !isLess(last, key, integerKeys) {
      throw place("the keys of a page", "ascending", "others")
    }
    if let bound = counts.lowerBound, isLess(key, bound, integerKeys) {
      throw place("the keys of a page", "not below that of its branch", "others")
    }
    counts.lowerBound = nil
    counts.lastKey = key
    counts.entries += 1
    let byteCount = Int(node.integer(0, as: UInt32.self))
    let flags: UInt16 = node.integer(4)
    let start = LMDBLayout.nodeHeaderByteCount + key.count
    let value: UnsafeRawBufferPointer
    if flags & LMDBLayout.NodeFlags.bigData != 0 {
      guard flags == LMDBLayout.NodeFlags.bigData, start + 8 <= node.count else {
        throw place("an entry", "the page of its value", "none")
      }
      value = try overflow(
        node.integer(start, as: UInt64.self), byteCount: byteCount, place, counts: &counts)
    } else {
      guard flags == 0 || flags == LMDBLayout.NodeFlags.database,
        start + byteCount <= node.count
      else {
        throw place("a value", "inside its page", "\(byteCount) bytes, flags \(flags)")
      }
      value = UnsafeRawBufferPointer(rebasing: node[start..<start + byteCount])
    }
    try visit(place, Node(flags: flags, key: key, value: value))
  }

  private mutating func overflow(
    _ number: UInt64, byteCount: Int, _ place: Place, counts: inout Counts
  ) throws(LMDBFault) -> UnsafeRawBufferPointer {
    let header = LMDBLayout.pageHeaderByteCount
    let runCount = UInt64((header - 1 + byteCount) / pageByteCount + 1)
    guard number >= 2, number < pageCount, runCount <= pageCount - number else {
      throw place("the pages of a value", "inside the file", "\(runCount) from \(number)")
    }
    let start = Int(number) * pageByteCount
    let head = UnsafeRawBufferPointer(rebasing: bytes[start..<start + header])
    guard head.integer(0, as: UInt64.self) == number,
      head.integer(10, as: UInt16.self) == LMDBLayout.PageFlags.overflow,
      UInt64(head.integer(12, as: UInt32.self)) == runCount
    else {
      throw LMDBFault(page: number, "a large value", "\(runCount) pages", "another head")
    }
    for page in number..<number + runCount { try use(page, from: place.page, "a large value") }
    counts.overflow += runCount
    return UnsafeRawBufferPointer(
      rebasing: bytes[(start + header)..<(start + header + byteCount)])
  }

  // MARK: Keys

  private func isWellFormed(_ key: UnsafeRawBufferPointer, _ integerKeys: Bool) -> Bool {
    integerKeys ? key.count == 8 : key.count >= 1
  }

  private func isLess(
    _ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer, _ integerKeys: Bool
  ) -> Bool {
    if integerKeys { return a.integer(0, as: UInt64.self) < b.integer(0, as: UInt64.self) }
    return a.lexicographicallyPrecedes(b)
  }
}
