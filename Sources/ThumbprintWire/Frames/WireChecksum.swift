// The only file of this module that talks to xxHash.

import CXXHash

/// XXH3-64 with seed 0, which detects damage and does not resist forgery.
package enum WireChecksum {
  package static func of(_ bytes: [UInt8]) -> UInt64 { of(bytes[...]) }

  package static func of(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.withUnsafeBytes { XXH3_64bits($0.baseAddress, $0.count) }
  }
}
