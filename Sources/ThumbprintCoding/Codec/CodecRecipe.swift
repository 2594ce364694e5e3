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
    /// What the rate of the encoders is multiplied by. At 0 only decoders learn, and bits are
    /// constants, with no gradient through them.
    public let encoderRateShare: Float

    public init(
      stages: ClosedRange<Int>, lossWeights: [Float], schedule: LearningRateSchedule,
      encoderRateShare: Float = 1
    ) {
      self.encoderRateShare = encoderRateShare
      self.stages = stages
      self.lossWeights = lossWeights
      self.schedule = schedule
    }
  }

  /// With which weights stages start.
  public enum Start: String, Sendable, Codable {
    /// Random ones.
    case random
    /// Those of a quantiser of principal components (`PrincipalStart`); for stages that look at
    /// the whole picture.
    case principal
  }

  public let spec: CodecSpec
  /// Pictures in one step.
  public let batchCount: Int
  /// Pictures that one worker takes at a time; the order of additions depends on it, and so the
  /// last bits of the weights.
  public let sliceImageCount: Int
  /// Whether every picture is also shown turned left to right, as a picture of its own.
  public let hasMirrorImages: Bool
  /// How a stage starts that learns alone for the first time.
  public let start: Start
  public let phases: [Phase]

  public init(
    spec: CodecSpec, batchCount: Int, sliceImageCount: Int, hasMirrorImages: Bool = false,
    start: Start = .random, phases: [Phase]
  ) {
    self.start = start
    self.hasMirrorImages = hasMirrorImages
    self.spec = spec
    self.batchCount = batchCount
    self.sliceImageCount = sliceImageCount
    self.phases = phases
  }

  /// The recipe of the model that comes with the program; see docs/model-card.md.
  ///
  /// Every stage starts as a quantiser of principal components. Its decoder learns to show more than
  /// a linear one can; then all decoders learn together.
  public static let shipped = principal(stageStepCount: 60, jointStepCount: 1_000)

  /// Stages that look at the whole picture, started from principal components; only decoders learn.
  ///
  /// - Parameters:
  ///   - stageStepCount: Steps of each of the four stages.
  ///   - jointStepCount: Steps together.
  public static func principal(
    spec: CodecSpec = CodecSpec(
      outerChannels: 224, innerChannels: 768, encoderOuterChannels: 128,
      encoderInnerChannels: 1_280, bottleneck: .whole),
    stageStepCount: Int, jointStepCount: Int, batchCount: Int = 128, sliceImageCount: Int = 32
  ) -> CodecRecipe {
    func phase(
      _ stages: ClosedRange<Int>, _ lossWeights: [Float], _ stepCount: Int, _ peak: Float
    ) -> Phase {
      Phase(
        stages: stages, lossWeights: lossWeights,
        schedule: LearningRateSchedule(
          peak: peak, final: peak / 100, warmUpStepCount: min(100, stepCount / 4),
          stepCount: stepCount),
        encoderRateShare: 0)
    }
    let all = 0...CodecSpec.stageCount - 1
    return CodecRecipe(
      spec: spec, batchCount: batchCount, sliceImageCount: sliceImageCount,
      hasMirrorImages: true, start: .principal,
      phases: all.map { phase($0...$0, [1], stageStepCount, 1e-4) }
        + [phase(all, [0.2, 0.3, 0.5, 2], jointStepCount, 1e-4)])
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
    sliceImageCount: Int = 4, hasMirrorImages: Bool = false,
    start: Start = .random
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
      spec: spec, batchCount: batchCount, sliceImageCount: sliceImageCount,
      hasMirrorImages: hasMirrorImages, start: start, phases: phases)
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
    if start == .principal && spec.bottleneck != .whole {
      try refuse("only stages whose bits look at the whole picture start from principal components")
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
        || phase.schedule.warmUpStepCount < 0 || !(0...1).contains(phase.encoderRateShare)
      {
        try refuse(
          "phase \(number): rates are in 0...1 and steps in 1...100000000, not \(rates) and "
            + "\(phase.schedule.stepCount)")
      }
    }
  }
}
