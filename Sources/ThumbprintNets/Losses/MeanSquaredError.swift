/// The mean of squared differences.
public enum MeanSquaredError {
  /// The mean of `(prediction − target)²` over all elements.
  public static func value(_ prediction: Tensor, _ target: Tensor) -> Double {
    precondition(
      prediction.shape == target.shape, "shapes differ: \(prediction.shape), \(target.shape)")
    var sum = 0.0
    for (a, b) in zip(prediction.values, target.values) {
      sum += Double(a - b) * Double(a - b)
    }
    return prediction.count == 0 ? 0 : sum / Double(prediction.count)
  }

  /// The gradient of ``value(_:_:)`` with respect to the prediction.
  public static func gradient(_ prediction: Tensor, _ target: Tensor) -> Tensor {
    precondition(
      prediction.shape == target.shape, "shapes differ: \(prediction.shape), \(target.shape)")
    let scale = 2 / Float(max(1, prediction.count))
    return Tensor(
      shape: prediction.shape,
      values: zip(prediction.values, target.values).map { scale * ($0 - $1) })
  }
}
