/// The on-disk layout of LMDB 0.9, as far as checking a file needs it.
///
/// Source: `mdb.c` of LMDB 0.9.24, `struct MDB_page`, `MDB_node`, `MDB_db` and `MDB_meta`, on a
/// little-endian machine with 64-bit words.
enum LMDBLayout {
  static let magic: UInt32 = 0xBEEF_C0DE
  static let dataVersion: UInt32 = 1
  static let pageHeaderByteCount = 16
  static let nodeHeaderByteCount = 8
  static let databaseByteCount = 48
  static let noPage = UInt64.max
  /// The deepest tree that the cursors of the library can walk.
  static let depthMax = 32
  static let keyByteCountMax = 511
  /// The only environment flags that a shard has: `MDB_NOSUBDIR`, and `MDB_INTEGERKEY` of the
  /// free list, which is kept in the same field.
  static let environmentFlags: UInt16 = 0x4008
  static let integerKeys: UInt16 = 0x08

  enum PageFlags {
    static let branch: UInt16 = 0x01
    static let leaf: UInt16 = 0x02
    static let overflow: UInt16 = 0x04
    static let meta: UInt16 = 0x08
  }

  enum NodeFlags {
    static let bigData: UInt16 = 0x01
    static let database: UInt16 = 0x02
  }
}

/// The root record of a tree.
struct LMDBTree {
  var pad: UInt32
  var flags: UInt16
  var depth: UInt16
  var branchPageCount: UInt64
  var leafPageCount: UInt64
  var overflowPageCount: UInt64
  var entryCount: UInt64
  var root: UInt64

  init(_ bytes: UnsafeRawBufferPointer) {
    pad = bytes.integer(0)
    flags = bytes.integer(4)
    depth = bytes.integer(6)
    branchPageCount = bytes.integer(8)
    leafPageCount = bytes.integer(16)
    overflowPageCount = bytes.integer(24)
    entryCount = bytes.integer(32)
    root = bytes.integer(40)
  }
}

/// One of the two meta pages.
struct LMDBMeta {
  var pageByteCount: Int
  var flags: UInt16
  var free: LMDBTree
  var main: LMDBTree
  var lastPage: UInt64
  var transactionID: UInt64

  /// Reads the meta page `number`, or says what is wrong with it.
  static func read(_ page: UnsafeRawBufferPointer, number: Int) throws(LMDBFault) -> LMDBMeta {
    func fail(_ what: String, _ expected: String, _ found: String) -> LMDBFault {
      LMDBFault(page: UInt64(number), "\(what) of the meta page", expected, found)
    }
    guard page.integer(10, as: UInt16.self) & LMDBLayout.PageFlags.meta != 0 else {
      throw fail("kind", "a meta page", "another")
    }
    let body = UnsafeRawBufferPointer(rebasing: page[LMDBLayout.pageHeaderByteCount...])
    let magic: UInt32 = body.integer(0)
    guard magic == LMDBLayout.magic else {
      throw fail("magic", "that of LMDB", "0x" + String(magic, radix: 16))
    }
    let version: UInt32 = body.integer(4)
    guard version == LMDBLayout.dataVersion else {
      throw fail("version", "\(LMDBLayout.dataVersion)", "\(version)")
    }
    let free = LMDBTree(UnsafeRawBufferPointer(rebasing: body[24..<72]))
    return LMDBMeta(
      pageByteCount: Int(free.pad), flags: free.flags, free: free,
      main: LMDBTree(UnsafeRawBufferPointer(rebasing: body[72..<120])),
      lastPage: body.integer(120), transactionID: body.integer(128))
  }
}

/// What is wrong with a page; the caller knows the file.
struct LMDBFault: Error {
  var page: UInt64
  var place: String
  var expected: String
  var found: String

  init(page: UInt64, _ place: String, _ expected: String, _ found: String) {
    self.page = page
    self.place = place
    self.expected = expected
    self.found = found
  }
}
