import ThumbprintNets

/// How the head of a feature network is tuned by triplets while the bits of the image code, beside
/// which its own will be compared, stay as they are.
public struct FineTuningRecipe: Sendable, Codable, Equatable {
  /// Groups of one step, and pictures of each.
  public let groupCount: Int
  public let viewCount: Int
  /// See `TripletLoss`.
  public let margin: Float
  public let mining: TripletLoss.Mining
  public let reward: TripletLoss.IndexReward
  /// The share of `fc6` that is left out of a step.
  public let dropout: Float
  public let schedule: LearningRateSchedule

  public init(
    groupCount: Int = 64, viewCount: Int = 2, margin: Float = 0.1,
    mining: TripletLoss.Mining = .hardest, reward: TripletLoss.IndexReward = .none,
    dropout: Float = 0.2, peakRate: Float = 1e-3, stepCount: Int = 300
  ) {
    self.groupCount = groupCount
    self.viewCount = viewCount
    self.margin = margin
    self.mining = mining
    self.reward = reward
    self.dropout = dropout
    schedule = LearningRateSchedule(
      peak: peakRate, final: peakRate / 100, warmUpStepCount: min(20, stepCount / 4),
      stepCount: stepCount)
  }

  /// Throws unless the recipe can be followed.
  func check() throws(CodingError) {
    guard (2...1_024).contains(groupCount), (2...64).contains(viewCount),
      groupCount * viewCount <= 4_096, dropout >= 0, dropout < 1,
      (1...10_000_000).contains(schedule.stepCount), schedule.peak <= 1
    else {
      throw CodingError(
        .invalidRecipe,
        "\(groupCount) groups of \(viewCount) pictures, dropout \(dropout) and "
          + "\(schedule.stepCount) steps are outside 2 to 1024 groups of 2 to 64, together at most "
          + "4096, 0..<1, and 1 to 10000000")
    }
  }
}
