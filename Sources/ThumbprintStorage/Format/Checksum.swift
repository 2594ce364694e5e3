// The only file of this module that talks to xxHash.

import CXXHash

/// XXH3-64, which detects damage and does not resist forgery.
package enum Checksum {
  package static func of(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
    XXH3_64bits_withSeed(bytes.baseAddress, bytes.count, seed)
  }

  static func of(_ start: UnsafeRawPointer, byteCount: Int, seed: UInt64 = 0) -> UInt64 {
    XXH3_64bits_withSeed(start, byteCount, seed)
  }
}
