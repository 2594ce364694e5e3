import CHamming
import Testing
import ThumbprintCodes
import ThumbprintIndex

/// The formulas of the certificate against drawing at random, and against their slow twins.
@Suite struct MissProbabilityTests {
  @Test func collisionIsHypergeometric() {
    #expect(MissProbability.collision(distance: 0, keyBitCount: 16) == 1)
    #expect(MissProbability.collision(distance: 4096, keyBitCount: 16) == 0)
    // One differing bit among 4096 misses 16 positions with chance 4080 / 4096.
    let one = MissProbability.collision(distance: 1, keyBitCount: 16)
    #expect(abs(one - 4080.0 / 4096) < 1e-12)
  }

  @Test func sketchTailsSumToOneAndFall() {
    for (distance, width) in [(0, 256), (40, 128), (1000, 256), (2048, 1024), (4096, 512)] {
      #expect(
        abs(MissProbability.sketchTail(distance: distance, width: width, threshold: -1) - 1)
          < 1e-9)
      var before = 1.0
      for threshold in 0...width {
        let tail = MissProbability.sketchTail(
          distance: distance, width: width, threshold: threshold)
        #expect(tail <= before + 1e-9)
        before = tail
      }
      #expect(before == 0)
    }
  }

  @Test func thresholdsAreTheSmallestAllowed() {
    let miss = 1e-10
    let thresholds = SketchThresholds.within(missProbability: miss)
    #expect(thresholds.missProbability <= miss)
    for (stage, width) in SketchThresholds.widths.enumerated() {
      for distance in stride(from: 0, through: 4095, by: 273) {
        let threshold = thresholds.threshold(stage: stage, distance: distance)
        func tail(_ t: Int) -> Double {
          MissProbability.sketchTail(distance: distance, width: width, threshold: t)
        }
        #expect(tail(threshold) <= thresholds.missProbability)
        #expect(threshold == 0 || tail(threshold - 1) > thresholds.missProbability)
      }
    }
  }

  @Test func exactThresholdsNeverExclude() {
    let thresholds = SketchThresholds.within(missProbability: 0)
    for distance in [0, 1, 100, 300, 4000] {
      #expect(thresholds.threshold(stage: 1, distance: distance) == min(distance, 256))
    }
  }

  /// Draws differences at random and counts tables without any: the bound must hold, and for one
  /// vote be close.
  @Test func votesAreBoundedFromAbove() {
    let seed: UInt64 = 20_261
    var generator = SplitMix64(seed: seed)
    let (keyBits, tables, drawCount) = (16, 64, 4000)
    for distance in [300, 600, 900] {
      var votes: [Int] = []
      var bits = Array(0..<4096)
      for _ in 0..<drawCount {
        for i in 0..<distance {
          bits.swapAt(i, Int.random(in: i..<4096, using: &generator))
        }
        var hit = [Bool](repeating: false, count: tables)
        for bit in bits.prefix(distance) where bit < keyBits * tables { hit[bit / keyBits] = true }
        votes.append(hit.filter { !$0 }.count)
      }
      for wanted in 1...4 {
        let share = Double(votes.filter { $0 < wanted }.count) / Double(drawCount)
        let bound = MissProbability.votes(
          distance: distance, keyBitCount: keyBits, tableCount: tables, voteCount: wanted)
        let noise = 4 * (share * (1 - share) / Double(drawCount)).squareRoot() + 0.002
        #expect(share <= bound + noise, "seed=\(seed) distance=\(distance) votes=\(wanted)")
        if wanted == 1 { #expect(bound <= share + 0.1, "seed=\(seed) distance=\(distance)") }
      }
    }
  }
}
