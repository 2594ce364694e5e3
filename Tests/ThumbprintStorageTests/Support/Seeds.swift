import Foundation

/// The seed of a random test: `THUMBPRINT_SEED` when it is set, to see a failure again.
func testSeed(_ test: String = #function) -> UInt64 {
  let given = ProcessInfo.processInfo.environment["THUMBPRINT_SEED"].flatMap { UInt64($0) }
  let seed = given ?? UInt64.random(in: 0...UInt64.max)
  print("\(test): seed=\(seed)   (THUMBPRINT_SEED=\(seed) swift test -c release --filter \(test))")
  return seed
}
