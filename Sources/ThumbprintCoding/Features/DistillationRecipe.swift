import ThumbprintNets

/// How a small convolutional network is trained to give what a large one gives.
public struct DistillationRecipe: Sendable, Codable, Equatable {
  /// The network that learns. It and the teacher take pictures of one size, and the rows and
  /// columns that it gives divide those that the teacher gives.
  public let student: VGGDescription
  /// Crops whose answers by the teacher are kept in memory: 64 KB each for `VGGDescription.compact`.
  public let cropCount: Int
  /// Crops of one step.
  public let batchCount: Int
  /// Crops that one worker takes at a time, and whose statistics normalise a batch.
  public let sliceImageCount: Int
  public let schedule: LearningRateSchedule

  public init(
    student: VGGDescription, cropCount: Int, batchCount: Int, sliceImageCount: Int,
    schedule: LearningRateSchedule
  ) {
    self.student = student
    self.cropCount = cropCount
    self.batchCount = batchCount
    self.sliceImageCount = sliceImageCount
    self.schedule = schedule
  }

  /// Many passes over crops, at a rate that warms up over 100 steps and falls along half a cosine.
  public static func standard(
    student: VGGDescription = .compact, cropCount: Int, stepCount: Int, peakRate: Float = 2e-3
  ) -> DistillationRecipe {
    DistillationRecipe(
      student: student, cropCount: cropCount, batchCount: 32, sliceImageCount: 8,
      schedule: LearningRateSchedule(
        peak: peakRate, final: peakRate / 100, warmUpStepCount: min(100, stepCount / 4),
        stepCount: stepCount))
  }

  /// Throws unless the recipe can be followed.
  func check() throws(CodingError) {
    guard (1...4_096).contains(batchCount), (1...batchCount).contains(sliceImageCount),
      (1...10_000_000).contains(cropCount), (1...100_000_000).contains(schedule.stepCount)
    else {
      throw CodingError(
        .invalidRecipe,
        "batches of \(batchCount) in slices of \(sliceImageCount), \(cropCount) crops and "
          + "\(schedule.stepCount) steps are outside 1 to 4096, 1 to the batch, 1 to 10000000 and "
          + "1 to 100000000")
    }
  }
}
