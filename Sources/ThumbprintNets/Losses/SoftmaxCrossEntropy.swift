/// The cross-entropy of softmax probabilities against class labels, the mean over a batch.
public struct SoftmaxCrossEntropy: Sendable {
  /// The share of probability spread evenly over all classes, `0..<1`.
  public let labelSmoothing: Float

  public init(labelSmoothing: Float = 0) {
    precondition(
      labelSmoothing >= 0 && labelSmoothing < 1, "label smoothing \(labelSmoothing) is not in 0..<1"
    )
    self.labelSmoothing = labelSmoothing
  }

  /// The loss and its gradient with respect to the logits.
  ///
  /// - Parameters:
  ///   - logits: `imageCount × classCount`; further dimensions of extent 1 are allowed.
  ///   - labels: One class number per image, `0..<classCount`.
  public func callAsFunction(_ logits: Tensor, labels: [Int]) -> (loss: Double, gradient: Tensor) {
    precondition(
      logits.shape.count >= 2 && logits.shape[0] == labels.count
        && logits.shape.dropFirst(2).allSatisfy { $0 == 1 },
      "logits of shape \(logits.shape) for \(labels.count) labels")
    let classCount = logits.shape[1]
    var loss = 0.0
    var gradient = logits
    let share = 1 / Float(max(1, labels.count))
    let floor = labelSmoothing / Float(classCount)
    for (image, label) in labels.enumerated() {
      precondition(label >= 0 && label < classCount, "no class \(label) in \(classCount)")
      let row = image * classCount..<(image + 1) * classCount
      let greatest = logits.values[row].max() ?? 0
      var total: Float = 0
      for i in row {
        gradient.values[i] = Elementwise.exp(logits.values[i] - greatest)
        total += gradient.values[i]
      }
      let logTotal = Elementwise.log(total)
      for (number, i) in row.enumerated() {
        let target = floor + (number == label ? 1 - labelSmoothing : 0)
        loss -= Double(target * (logits.values[i] - greatest - logTotal))
        gradient.values[i] = share * (gradient.values[i] / total - target)
      }
    }
    return (loss * Double(share), gradient)
  }
}
