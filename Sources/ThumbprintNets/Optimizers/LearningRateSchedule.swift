#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The learning rate of every step: a linear warm-up from zero, then half a cosine down to a final
/// rate (Loshchilov and Hutter, ICLR 2017, without restarts).
public struct LearningRateSchedule: Sendable, Codable, Equatable {
  /// The rate when the warm-up ends.
  public let peak: Float
  /// The rate of the last step.
  public let final: Float
  public let warmUpStepCount: Int
  /// Steps in all.
  public let stepCount: Int

  public init(peak: Float, final: Float, warmUpStepCount: Int, stepCount: Int) {
    precondition(peak >= 0 && final >= 0, "learning rates are not negative: \(peak), \(final)")
    precondition(
      warmUpStepCount >= 0 && stepCount >= 0, "no \(warmUpStepCount) of \(stepCount) steps")
    self.peak = peak
    self.final = final
    self.warmUpStepCount = warmUpStepCount
    self.stepCount = stepCount
  }

  /// The rate of step `step`, counted from 0; after the last step, the final rate.
  public func rate(step: Int) -> Float {
    if step < warmUpStepCount { return peak * Float(step + 1) / Float(warmUpStepCount) }
    let span = stepCount - 1 - warmUpStepCount
    guard span > 0, step < stepCount else { return step < stepCount ? peak : final }
    let progress = Double(step - warmUpStepCount) / Double(span)
    return final + (peak - final) * Float(0.5 * (1 + cos(.pi * progress)))
  }
}
