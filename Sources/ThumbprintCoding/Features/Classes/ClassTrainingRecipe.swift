import ThumbprintNets

/// How the head of a feature network is trained to tell classes apart through its bits.
public struct ClassTrainingRecipe: Sendable, Codable, Equatable {
  /// Pictures of one step.
  public let batchCount: Int
  /// How bits are made and pass gradients while the network learns.
  public let binarizer: BinarizerMode
  /// The share of `fc6`, and of the bits before `fc8`, that is left out of a step.
  public let dropout: Float
  public let labelSmoothing: Float
  public let schedule: LearningRateSchedule

  public init(
    batchCount: Int = 64, binarizer: BinarizerMode = .deterministic, dropout: Float = 0.5,
    labelSmoothing: Float = 0, peakRate: Float = 1e-3, stepCount: Int
  ) {
    self.batchCount = batchCount
    self.binarizer = binarizer
    self.dropout = dropout
    self.labelSmoothing = labelSmoothing
    schedule = LearningRateSchedule(
      peak: peakRate, final: peakRate / 100, warmUpStepCount: min(50, stepCount / 4),
      stepCount: stepCount)
  }

  /// Throws unless the recipe can be followed.
  func check() throws(CodingError) {
    guard (1...4_096).contains(batchCount), dropout >= 0, dropout < 1, labelSmoothing >= 0,
      labelSmoothing < 1, (1...10_000_000).contains(schedule.stepCount), schedule.peak <= 1
    else {
      throw CodingError(
        .invalidRecipe,
        "batches of \(batchCount), dropout \(dropout), label smoothing \(labelSmoothing) and "
          + "\(schedule.stepCount) steps are outside 1 to 4096, 0..<1, 0..<1, and 1 to 10000000")
    }
  }
}
