import ThumbprintNets

/// Everything but pictures and seed that decides what a codec learns.
public struct CodecRecipe: Sendable, Codable, Equatable {
  /// A run of steps with one learning-rate schedule and fresh optimisers.
  public struct Phase: Sendable, Codable, Equatable {
    /// The stages that learn; those before them are used as they are, those after are not used.
    public let stages: ClosedRange<Int>
    /// For each stage that learns, the weight of its mean squared error in the loss.
    public let lossWeights: [Float]
    public let schedule: LearningRateSchedule

    public init(
      stages: ClosedRange<Int>, lossWeights: [Float], schedule: LearningRateSchedule
    ) {
      self.stages = stages
      self.lossWeights = lossWeights
      self.schedule = schedule
    }
  }

  public let spec: CodecSpec
  /// Pictures in one step.
  public let batchCount: Int
  /// Pictures that one worker takes at a time; the order of additions depends on it, and so the
  /// last bits of the weights.
  public let sliceImageCount: Int
  public let phases: [Phase]

  public init(spec: CodecSpec, batchCount: Int, sliceImageCount: Int, phases: [Phase]) {
    self.spec = spec
    self.batchCount = batchCount
    self.sliceImageCount = sliceImageCount
    self.phases = phases
  }

  /// Steps of all phases.
  public var stepCount: Int { phases.reduce(0) { $0 + $1.schedule.stepCount } }

  /// One stage after another, then all together.
  ///
  /// - Parameters:
  ///   - stageStepCount: Steps of each of the four stages.
  ///   - jointStepCount: Steps together, or 0.
  public static func sequence(
    spec: CodecSpec = CodecSpec(), stageStepCount: Int, jointStepCount: Int,
    stageRate: Float = 3e-3, jointRate: Float = 1.5e-3, batchCount: Int = 16,
    sliceImageCount: Int = 4
  ) -> CodecRecipe {
    func schedule(_ count: Int, _ peak: Float) -> LearningRateSchedule {
      LearningRateSchedule(
        peak: peak, final: peak / 100, warmUpStepCount: min(100, count / 4), stepCount: count)
    }
    var phases = (0..<CodecSpec.stageCount).map { stage in
      Phase(
        stages: stage...stage, lossWeights: [1], schedule: schedule(stageStepCount, stageRate))
    }
    if jointStepCount > 0 {
      phases.append(
        Phase(
          stages: 0...CodecSpec.stageCount - 1, lossWeights: [0.35, 0.6, 0.8, 2],
          schedule: schedule(jointStepCount, jointRate)))
    }
    return CodecRecipe(
      spec: spec, batchCount: batchCount, sliceImageCount: sliceImageCount, phases: phases)
  }

  /// A recipe of a few minutes on two cores.
  public static let quick = sequence(stageStepCount: 3_000, jointStepCount: 2_500)

  /// Throws unless the recipe can be followed.
  func check() throws(CodingError) {
    func refuse(_ message: String) throws(CodingError) {
      throw CodingError(.invalidRecipe, message)
    }
    if !(1...4_096).contains(batchCount) || !(1...batchCount).contains(sliceImageCount) {
      try refuse(
        "a batch of \(batchCount) in slices of \(sliceImageCount) is outside 1 to 4096 in slices "
          + "of at least 1 and at most the batch")
    }
    if phases.isEmpty || phases.count > 64 {
      try refuse("a recipe has 1 to 64 phases, not \(phases.count)")
    }
    for (number, phase) in phases.enumerated() {
      if phase.stages.lowerBound < 0 || phase.stages.upperBound >= CodecSpec.stageCount {
        try refuse("phase \(number): the stages \(phase.stages) are outside 0...3")
      }
      if phase.lossWeights.count != phase.stages.count
        || !phase.lossWeights.allSatisfy({ $0 >= 0 && $0.isFinite })
      {
        try refuse("phase \(number): every stage that learns has a loss weight of at least 0")
      }
      let rates = [phase.schedule.peak, phase.schedule.final]
      if !rates.allSatisfy({ $0 >= 0 && $0 <= 1 })
        || !(1...100_000_000).contains(phase.schedule.stepCount)
        || phase.schedule.warmUpStepCount < 0
      {
        try refuse(
          "phase \(number): rates are in 0...1 and steps in 1...100000000, not \(rates) and "
            + "\(phase.schedule.stepCount)")
      }
    }
  }
}
