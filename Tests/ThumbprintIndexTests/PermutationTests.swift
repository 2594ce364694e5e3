import Testing
import ThumbprintCodes
import ThumbprintIndex
import ThumbprintTestKit

@Suite struct PermutationTests {
  @Test func restoringUndoesPermuting() {
    var generator = CodeGenerator(seed: 2)
    let permutation = BitPermutation(seed: 7)
    for _ in 0..<10 {
      let code = generator.feature()
      let permuted = permutation.permuted(code)
      for position in stride(from: 0, to: FeatureCode.bitCount, by: 37) {
        #expect(permuted[position] == code[Int(permutation.sources[position])])
      }
      #expect(permutation.restored(permuted) == code)
    }
  }

  @Test func permutingAGroupEqualsPermutingEach() {
    var generator = CodeGenerator(seed: 3)
    let permutation = BitPermutation(seed: 8)
    let codes = (0..<BitPermutation.groupCount).map { _ in generator.feature() }
    var bytes: [UInt8] = []
    for code in codes { code.withUnsafeBytes { bytes.append(contentsOf: $0) } }
    var permuted = [UInt8](repeating: 0, count: bytes.count)
    permutation.permuteGroup(&bytes, to: &permuted)
    for (i, code) in codes.enumerated() {
      let expected = permutation.permuted(code)
      let found = permuted[i * FeatureCode.byteCount..<(i + 1) * FeatureCode.byteCount]
      #expect(expected.withUnsafeBytes { $0.elementsEqual(found) }, "code \(i)")
    }
  }
}
