import Foundation
import Testing
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintImages
import ThumbprintNets

@Suite struct RetrievalTests {
  @Test func aScoreCountsTheGroupAmongTheNearest() {
    // Two groups on a line: 0, 1, 2, 9 and 8, 10, 11, 12.
    let places: [Float] = [0, 1, 2, 9, 8, 10, 11, 12]
    let groups = [0, 0, 0, 0, 1, 1, 1, 1]
    for threadCount in [1, 3] {
      let score = RetrievalScore(
        vectors: places, dimension: 1, groups: groups, queries: Array(0..<8),
        threadCount: threadCount)
      // 0, 1 and 2 find 8 before 9; 9 finds 8, 10 and 11 before its own; 10 finds 8 before 12, which
      // is as far; 8, 11 and 12 find 9 before the last of their own.
      let expected = (3.0 + 3 + 3 + 1 + 3 + 3 + 3 + 3) / 8
      #expect(abs(score.score - expected) < 1e-9)
      #expect(score.sameDistance < score.differentDistance)
    }
    let first = RetrievalScore(
      vectors: places, dimension: 1, groups: groups, queries: [0], threadCount: 1)
    #expect(abs(first.sameDistance - 4) < 1e-6 && abs(first.differentDistance - 10.25) < 1e-6)
  }

  @Test func equalDistancesAreInTheOrderOfNumbers() {
    let groups = [0, 1, 0, 1]
    let all = RetrievalScore(
      vectors: [5, 5, 5, 5], dimension: 1, groups: groups, queries: [0, 1, 2, 3], threadCount: 1)
    // Every query finds pictures 0 and 1: one of its own.
    #expect(all.score == 2)
  }

  @Test func codesAreComparedByBits() {
    var random = NetRandom(3)
    let centers = (0..<6).map { _ in code(&random) }
    var (features, images, groups): ([FeatureCode], [ImageCode], [Int]) = ([], [], [])
    for group in 0..<6 {
      for _ in 0..<4 {
        var near = centers[group]
        for _ in 0..<300 { near[random.integer(below: 4_096)].toggle() }
        features.append(near)
        images.append(ImageCode())
        groups.append(group)
      }
    }
    let queries = Array(groups.indices)
    let alone = RetrievalScore(
      features: features, groups: groups, queries: queries, threadCount: 2)
    let both = RetrievalScore(
      features: features, images: images, groups: groups, queries: queries, threadCount: 2)
    #expect(alone.score == 4 && both.score == 4)
    #expect(abs(both.sameDistance * 4_608 - alone.sameDistance * 4_096) < 0.01)
    #expect(alone.distanceRatio < 0.4)
    // Empty image codes are all equal, so each query finds the first four.
    let none = RetrievalScore(
      features: [], images: images, groups: groups, queries: queries, threadCount: 1)
    #expect(abs(none.score - 4.0 / 6) < 1e-9)
  }

  private func code(_ random: inout NetRandom) -> FeatureCode {
    var code = FeatureCode()
    for bit in 0..<FeatureCode.bitCount { code[bit] = random.next() & 1 == 1 }
    return code
  }

  @Test func principalComponentsFindTheAxesOfACloud() throws {
    var random = NetRandom(4)
    // Along (3, 4, 0)/5 with deviation 5, along z with 1, else 0.1.
    let values = (0..<4_000).flatMap { _ -> [Float] in
      let (a, b, c) = (5 * random.normal(), random.normal(), 0.1 * random.normal())
      return [7 + 0.6 * a - 0.8 * c, 0.8 * a + 0.6 * c, b - 2]
    }
    let found = try PrincipalComponents(values, dimension: 3, count: 3)
    #expect(abs(found.mean[0] - 7) < 0.3 && abs(found.mean[2] + 2) < 0.1)
    for (deviation, expected) in zip(found.deviations, [5, 1, 0.1] as [Float]) {
      #expect(abs(deviation / expected - 1) < 0.05)
    }
    let expected: [Float] = [0.6, 0.8, 0, 0, 0, 1, 0.8, -0.6, 0]
    for (value, wanted) in zip(found.components, expected) {
      #expect(abs(abs(value) - abs(wanted)) < 0.02)
    }
    #expect(throws: CodingError.self) {
      try PrincipalComponents([1, .nan, 2, 3], dimension: 2, count: 1)
    }
  }

  @Test func whiteningPlaysDownWhatDiffersInsideGroups() throws {
    var random = NetRandom(5)
    // Groups differ along y by 1; inside groups, x is loud.
    var (values, groups): ([Float], [Int]) = ([], [])
    for group in 0..<60 {
      let place = random.normal()
      for _ in 0..<4 {
        values += [3 * random.normal(), place + 0.1 * random.normal()]
        groups.append(group)
      }
    }
    let plain = try PrincipalComponents(values, dimension: 2, count: 1)
    let whitened = try GroupWhitening(values, groups: groups, dimension: 2, count: 1)
    #expect(abs(plain.components[0]) > 0.9)
    #expect(abs(whitened.rows[1]) > 5 * abs(whitened.rows[0]))
  }
}
