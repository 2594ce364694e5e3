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
}
