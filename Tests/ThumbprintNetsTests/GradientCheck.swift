import Testing
import ThumbprintNets

/// Runs one network forward and back by the fast layers, and compares the answers with the naive
/// twin and the gradients with finite differences of it.
struct GradientCheck {
  let network: Network
  let imageCount: Int
  let input: [Float]
  /// The loss is the inner product of the output with these.
  let slopes: [Float]

  init(_ spec: NetworkSpec, imageCount: Int, seed: UInt64) throws {
    var network = try Network(spec, seed: seed)
    var random = NetRandom(seed, 77)
    // Biases and normalisations start at constants; give them values that matter.
    for i in network.parameters.indices { network.parameters[i] += 0.2 * random.normal() }
    self.network = network
    self.imageCount = imageCount
    input = (0..<imageCount * spec.input.count).map { _ in random.normal() }
    slopes = (0..<imageCount * network.plan.output.count).map { _ in random.normal() }
  }

  /// The fast layers' answers (NCHW), gradient of the input (NCHW) and of the parameters.
  func run(key: PassKey?) -> (output: [Float], input: [Float], parameters: [Float]) {
    let plan = network.plan
    let workspace = Workspace(plan, imageCountMax: imageCount, isTraining: true)
    ImageOrder.interleave(input, plan.spec.input, imageCount: imageCount, into: workspace.input)
    workspace.forward(network, imageCount: imageCount, key: key)
    var output = [Float](repeating: 0, count: slopes.count)
    ImageOrder.separate(workspace.output, plan.output, imageCount: imageCount, into: &output)
    ImageOrder.interleave(
      slopes, plan.output, imageCount: imageCount, into: workspace.outputGradient)
    var inputGradient = [Float](repeating: 0, count: input.count)
    if let below = workspace.backward(network, wantsInputGradient: true) {
      ImageOrder.separate(below, plan.spec.input, imageCount: imageCount, into: &inputGradient)
    }
    let gradients = UnsafeBufferPointer(
      start: workspace.gradients.base, count: workspace.gradients.count)
    return (output, inputGradient, Array(gradients))
  }

  func check(isTraining: Bool = false, sourceLocation: SourceLocation = #_sourceLocation) {
    let fast = run(key: isTraining ? PassKey(seed: 1, step: 1, firstImage: 0) : nil)
    let naive = NaiveNetwork(network, isTraining: isTraining)
    let exact = input.map(Double.init)
    expectClose(fast.output, naive.apply(to: exact, count: imageCount), "output", sourceLocation)

    func loss(_ twin: NaiveNetwork, _ input: [Double]) -> Double {
      zip(twin.apply(to: input, count: imageCount), slopes).reduce(0) { $0 + $1.0 * Double($1.1) }
    }
    // The images' gradient at a sample of places, the parameters' likewise.
    let step = 1e-5
    var random = NetRandom(5)
    let places = (0..<min(24, input.count)).map { _ in random.integer(below: input.count) }
    var differences: [Double] = []
    for place in places {
      var (up, down) = (exact, exact)
      up[place] += step
      down[place] -= step
      differences.append((loss(naive, up) - loss(naive, down)) / (2 * step))
    }
    expectClose(places.map { fast.input[$0] }, differences, "input gradient", sourceLocation)
    for entry in network.plan.parameters.entries {
      let places = (0..<min(12, entry.range.count)).map { _ in
        random.integer(below: entry.range.count)
      }
      differences = []
      for place in places {
        var (up, down) = (naive, naive)
        up.parameters[entry.name]![place] += step
        down.parameters[entry.name]![place] -= step
        differences.append((loss(up, exact) - loss(down, exact)) / (2 * step))
      }
      expectClose(
        places.map { fast.parameters[entry.range.lowerBound + $0] }, differences,
        "gradient of \(entry.name)", sourceLocation)
    }
  }
}

/// Expects every pair to agree within 2·10⁻⁴ of the greatest magnitude.
func expectClose(
  _ fast: [Float], _ exact: [Double], _ what: String,
  _ sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(fast.count == exact.count, sourceLocation: sourceLocation)
  let scale = max(1, exact.reduce(0) { max($0, abs($1)) })
  let worst = zip(fast, exact).reduce(0) { max($0, abs(Double($1.0) - $1.1)) }
  #expect(
    worst.isFinite && worst <= 2e-4 * scale, "\(what): off by \(worst) of \(scale)",
    sourceLocation: sourceLocation)
}
