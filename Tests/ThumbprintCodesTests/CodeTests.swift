import Testing
import ThumbprintCodes
import ThumbprintTestKit

@Suite struct CodeTests {
  @Test func bitOrderIsThatOfPackbits() throws {
    var bytes = [UInt8](repeating: 0, count: FeatureCode.byteCount)
    bytes[0] = 0b1000_0000
    bytes[1] = 0b0000_0001
    let code = try #require(FeatureCode(bytes))
    #expect(code[0])
    #expect(code[15])
    #expect((0..<FeatureCode.bitCount).filter { code[$0] } == [0, 15])
  }

  @Test func distanceEqualsTheNaiveOne() {
    var generator = CodeGenerator(seed: 1)
    for _ in 0..<20 {
      let a = generator.feature()
      let b = generator.flipped(a, share: 0.2)
      let naive = a.withUnsafeBytes { x in
        b.withUnsafeBytes { y in Hamming.naiveDistance(x, y) }
      }
      #expect(a.distance(to: b) == naive)
    }
  }
}
