/// The triplet loss over relaxed codes: the mean over triplets of
/// max(0, margin + d(anchor, positive) − d(anchor, negative)), with
/// d(a, b) = (K − ⟨a, b⟩) / 2K + what is added for bits that are not trained.
///
/// For codes of ±1 the distance is the share of bits in which they differ. (Equation (1) of Zhang,
/// Liu and Li has the two distances swapped in a way that makes it zero; this is the one meant.)
public struct TripletLoss: Sendable {
  /// Which negatives count, among the images of other groups in the batch.
  public enum Mining: String, Sendable, Codable, CaseIterable {
    /// For each anchor and positive the nearest negative.
    case hardest
    /// All negatives that violate the margin, each anchor and positive averaged over its own.
    case allActive
  }

  /// What is added to the loss so that an index finds the codes with less work.
  public struct IndexReward: Sendable, Codable, Equatable {
    /// Times the mean distance between images of one group: the nearer they are, the sooner a search
    /// may stop.
    public let tightness: Float
    /// Times the mean of (1 − 2 d)² over images of different groups: 0 if they all differ in one half
    /// of their bits. As ‖HHᵀ‖ = ‖HᵀH‖, this is also what balances and decorrelates the bits.
    public let spread: Float

    public init(tightness: Float, spread: Float) {
      precondition(tightness >= 0 && spread >= 0, "rewards are not negative")
      self.tightness = tightness
      self.spread = spread
    }

    public static let none = IndexReward(tightness: 0, spread: 0)
  }

  /// In shares of the code's length, `0...1`.
  public let margin: Float
  public let mining: Mining
  public let reward: IndexReward

  public init(margin: Float, mining: Mining = .hardest, reward: IndexReward = .none) {
    precondition(margin >= 0 && margin <= 1, "a margin is in 0...1, not \(margin)")
    self.margin = margin
    self.mining = mining
    self.reward = reward
  }

  /// The loss, the share of anchor–positive pairs that violate the margin, and the gradient.
  ///
  /// - Parameters:
  ///   - codes: `imageCount × K`, values in −1...1; further dimensions of extent 1 are allowed.
  ///   - groups: The group of each image; images of one group are positives of each other.
  ///   - fixedProducts: Optionally, for every pair of images (row-major, `imageCount²`) the inner
  ///     product of further bits of ±1 that are not trained.
  ///   - fixedBitCount: The number of those bits; they count in K.
  public func callAsFunction(
    _ codes: Tensor, groups: [Int], fixedProducts: [Float]? = nil, fixedBitCount: Int = 0
  ) -> (loss: Double, activeShare: Double, gradient: Tensor) {
    let count = groups.count
    precondition(
      codes.shape.count >= 2 && codes.shape[0] == count
        && codes.shape.dropFirst(2).allSatisfy { $0 == 1 },
      "codes of shape \(codes.shape) for \(count) groups")
    precondition(
      fixedProducts.map { $0.count == count * count } ?? (fixedBitCount == 0),
      "fixed products of \(count) images are \(count * count) numbers")
    let bits = codes.shape[1]
    let length = Float(bits + fixedBitCount)
    var products = fixedProducts ?? [Float](repeating: 0, count: count * count)
    codes.values.withUnsafeBufferPointer { h in
      products.withUnsafeMutableBufferPointer { p in
        guard let h = h.baseAddress, let p = p.baseAddress else { return }
        BLAS.multiply(
          count, count, bits, h, lda: bits, h, ldb: bits, bIsTransposed: true, beta: 1, p,
          ldc: count)
      }
    }
    var pull = weights(products, groups: groups, length: length)
    if reward != .none {
      pull.loss += addReward(products, groups: groups, length: length, to: &pull.weights)
    }
    // d = (K − p) / 2K; the gradient of p(a, b) with respect to a is b, and to b it is a.
    var gradient = Tensor(shape: codes.shape)
    var symmetric = [Float](repeating: 0, count: count * count)
    for a in 0..<count {
      for b in 0..<count {
        symmetric[a * count + b] =
          -(pull.weights[a * count + b] + pull.weights[b * count + a]) / (2 * length)
      }
    }
    codes.values.withUnsafeBufferPointer { h in
      gradient.values.withUnsafeMutableBufferPointer { g in
        guard let h = h.baseAddress, let g = g.baseAddress else { return }
        BLAS.multiply(
          count, bits, count, symmetric, lda: count, h, ldb: bits, beta: 0, g, ldc: bits)
      }
    }
    return (pull.loss, pull.activeShare, gradient)
  }

  /// Adds the derivatives of ``reward`` by the distances of all ordered pairs; returns its value.
  private func addReward(
    _ products: [Float], groups: [Int], length: Float, to weights: inout [Float]
  ) -> Double {
    let count = groups.count
    var (same, different) = (0, 0)
    for a in 0..<count {
      for b in 0..<count where a != b {
        if groups[a] == groups[b] { same += 1 } else { different += 1 }
      }
    }
    let tightness = reward.tightness / Float(max(1, same))
    let spread = reward.spread / Float(max(1, different))
    var loss = 0.0
    for a in 0..<count {
      for b in 0..<count where a != b {
        let likeness = products[a * count + b] / length  // 1 − 2 d
        if groups[a] == groups[b] {
          loss += Double(tightness * (1 - likeness) / 2)
          weights[a * count + b] += tightness
        } else {
          loss += Double(spread * likeness * likeness)
          weights[a * count + b] -= 4 * spread * likeness
        }
      }
    }
    return loss
  }

  /// The loss and, for every ordered pair, its derivative by the pair's distance.
  private func weights(
    _ products: [Float], groups: [Int], length: Float
  ) -> (loss: Double, activeShare: Double, weights: [Float]) {
    let count = groups.count
    var weights = [Float](repeating: 0, count: count * count)
    var loss = 0.0
    var pairs = 0
    var active = 0
    for a in 0..<count {
      for p in 0..<count where p != a && groups[p] == groups[a] {
        pairs += 1
        let near = (length - products[a * count + p]) / (2 * length)
        var violations: [(image: Int, loss: Float)] = []
        for n in 0..<count where groups[n] != groups[a] {
          let far = (length - products[a * count + n]) / (2 * length)
          let value = margin + near - far
          if value > 0 { violations.append((n, value)) }
        }
        if mining == .hardest, let worst = violations.max(by: { $0.loss < $1.loss }) {
          violations = [worst]
        }
        guard !violations.isEmpty else { continue }
        active += 1
        let share = 1 / Float(violations.count)
        for violation in violations {
          loss += Double(violation.loss * share)
          weights[a * count + p] += share
          weights[a * count + violation.image] -= share
        }
      }
    }
    let scale = 1 / Float(max(1, pairs))
    for i in weights.indices { weights[i] *= scale }
    return (loss * Double(scale), Double(active) / Double(max(1, pairs)), weights)
  }
}
