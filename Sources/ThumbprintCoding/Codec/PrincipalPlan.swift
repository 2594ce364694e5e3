/// Which principal coordinates the stages of a codec code at the start, and with how many bits.
///
/// The bits of the whole code go, one after another, to the coordinate whose error they lower most.
/// A coordinate is coded by one stage alone, because bits that refine those of another stage are
/// worth less; the coordinates that give most for each bit come first, so that prefixes of a code
/// show much.
package struct PrincipalPlan: Sendable {
  package struct Choice: Sendable, Equatable {
    package let direction: Int
    package let bitCount: Int
  }

  /// For each stage its coordinates.
  package let stages: [[Choice]]

  /// The most bits of one coordinate, if the networks have units for them.
  private static let bitCountMax = 6

  /// - Parameter quantizer: Fitted to the pictures to train on.
  package init(_ spec: CodecSpec, _ quantizer: PrincipalQuantizer) {
    var cap = Self.bitCountMax
    var stages = Self.stages(quantizer, bitCountMax: cap)
    while cap > 1, !stages.allSatisfy({ Self.fits($0, spec) }) {
      cap -= 1
      stages = Self.stages(quantizer, bitCountMax: cap)
    }
    // Networks too small even for single bits get as many as they have room for.
    self.stages = stages.map { stage in
      var part: [Choice] = []
      for choice in stage where Self.fits(part + [choice], spec) { part.append(choice) }
      return part
    }
  }

  private static func stages(
    _ quantizer: PrincipalQuantizer, bitCountMax: Int
  ) -> [[Choice]] {
    let stageCount = CodecSpec.stageCount
    let bitCounts = quantizer.allocate(
      bitCount: stageCount * CodecSpec.stageBitCount, componentBitCountMax: bitCountMax)
    let order = bitCounts.indices.filter { bitCounts[$0] > 0 }.sorted {
      quantizer.gain($0, bitCounts[$0]) > quantizer.gain($1, bitCounts[$1])
    }
    var stages = [[Choice]](repeating: [], count: stageCount)
    var room = [Int](repeating: CodecSpec.stageBitCount, count: stageCount)
    for direction in order {
      let bitCount = bitCounts[direction]
      guard let stage = room.indices.first(where: { room[$0] >= bitCount }) else { continue }
      stages[stage].append(Choice(direction: direction, bitCount: bitCount))
      room[stage] -= bitCount
    }
    return stages
  }

  /// Whether the networks of a stage have units for the choices.
  private static func fits(_ choices: [Choice], _ spec: CodecSpec) -> Bool {
    let bends = choices.reduce(0) { $0 + encoderUnitCount($1.bitCount) }
    let cells = choices.reduce(1) { $0 + max(1, (1 << $1.bitCount) - 1) }
    return choices.count <= spec.encoderOuterChannels && bends <= spec.encoderInnerChannels
      && cells <= spec.innerChannels && choices.count < spec.outerChannels
  }

  /// Units of an encoder's second layer for a coordinate: itself, and a bend between any two places
  /// where the same bit changes.
  private static func encoderUnitCount(_ bitCount: Int) -> Int {
    (0..<bitCount).reduce(1) { $0 + (1 << ($1 + 1)) - 2 }
  }
}
