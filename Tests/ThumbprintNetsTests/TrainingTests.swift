import Foundation
import Testing
import ThumbprintNets

/// A training run in small: slices in parallel, gradients summed in order, Adam.
private struct Run {
  static let input = FeatureShape(channels: 2, height: 8, width: 8)
  static let spec = NetworkSpec(
    input: input,
    layers: [
      .convolution(name: "c1", channels: 6, kernel: 3, stride: 2, padding: 1),
      .batchNormalization(name: "n1"), .relu, .dropout(rate: 0.1),
      .convolution(name: "c2", channels: 4, kernel: 3, stride: 1, padding: 1),
      .binarizer(.stochastic),
      .transposedConvolution(name: "d1", channels: 2, kernel: 4, stride: 2, padding: 1),
    ])
  static let schedule = LearningRateSchedule(
    peak: 0.01, final: 1e-4, warmUpStepCount: 5, stepCount: 40)

  var checkpoint: Checkpoint
  let workspaces: [Workspace]
  var losses: [Double] = []

  init(seed: UInt64, recipe: String = "test") throws {
    let network = try Network(Self.spec, seed: seed)
    checkpoint = Checkpoint(
      recipe: recipe, seed: seed, step: 0,
      parts: [
        Checkpoint.Part(
          name: "net", network: network,
          optimizer: Adam(parameterCount: network.parameters.count))
      ])
    workspaces = (0..<5).map { _ in
      Workspace(network.plan, imageCountMax: 3, isTraining: true)
    }
  }

  /// Smooth pictures that are a function of seed, step and image.
  static func picture(_ seed: UInt64, _ step: Int, _ image: Int) -> [Float] {
    var random = NetRandom(seed, UInt64(step), UInt64(image))
    let (a, b, c) = (random.normal(), random.normal(), random.normal())
    return (0..<input.count).map { i in
      let across = a * Float(i % 8)
      let down = b * Float(i / 8 % 8)
      let channel = c * Float(i / 64)
      return (across + down + channel) / 6
    }
  }

  mutating func train(to end: Int, threadCount: Int) {
    while checkpoint.step < end {
      let (seed, step) = (checkpoint.seed, checkpoint.step)
      let network = checkpoint.parts[0].network
      let workspaces = workspaces
      var sliceLosses = [Double](repeating: 0, count: workspaces.count)
      sliceLosses.withUnsafeMutableBufferPointer { losses in
        nonisolated(unsafe) let losses = losses
        Parallel.forEach(workspaces.count, threadCount: threadCount) { slice in
          let workspace = workspaces[slice]
          let images = (3 * slice..<3 * slice + 3).flatMap { Self.picture(seed, step, $0) }
          ImageOrder.interleave(images, Self.input, imageCount: 3, into: workspace.input)
          workspace.clearGradients()
          workspace.forward(
            network, imageCount: 3,
            key: PassKey(seed: seed, step: UInt64(step), firstImage: 3 * slice))
          for i in 0..<3 * Self.input.count {
            let error = workspace.output[i] - workspace.input[i]
            losses[slice] += Double(error * error)
            workspace.outputGradient[i] = 2 * error / Float(15 * Self.input.count)
          }
          workspace.backward(network, wantsInputGradient: false)
        }
      }
      var gradient = [Float](repeating: 0, count: network.parameters.count)
      GradientSum.compute(workspaces, into: &gradient, threadCount: threadCount)
      checkpoint.parts[0].network.absorbStatistics(of: workspaces, momentum: 0.1)
      checkpoint.parts[0].update(gradient: gradient, rate: Self.schedule.rate(step: step))
      losses.append(sliceLosses.reduce(0, +))
      checkpoint.step += 1
    }
  }
}

@Suite struct TrainingTests {
  @Test func trainingIsTheSameOnAnyNumberOfThreads() throws {
    var first = try Run(seed: 3)
    first.train(to: 40, threadCount: 1)
    let (start, end) = (first.losses.prefix(5).max() ?? 0, first.losses.suffix(5).max() ?? 0)
    #expect(end < 0.7 * start)
    for threadCount in [2, 3, 16] {
      var other = try Run(seed: 3)
      other.train(to: 40, threadCount: threadCount)
      #expect(
        other.checkpoint.parts[0].network.parameters
          == first.checkpoint.parts[0].network.parameters)
      #expect(
        other.checkpoint.parts[0].network.statistics
          == first.checkpoint.parts[0].network.statistics)
    }
  }

  @Test func aRunStoppedThreeTimesEndsWithTheSameWeights() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/checkpoint.safetensors"
      var whole = try Run(seed: 4)
      whole.train(to: 40, threadCount: 2)
      for stop in [7, 8, 29] {
        var part = try Run(seed: 4)
        if stop > 7 { try part.checkpoint.restore(from: path) }
        part.train(to: stop, threadCount: 2)
        try part.checkpoint.write(to: path)
      }
      var last = try Run(seed: 4)
      try last.checkpoint.restore(from: path)
      #expect(last.checkpoint.step == 29 && last.checkpoint.parts[0].optimizer.step == 29)
      last.train(to: 40, threadCount: 1)
      #expect(
        last.checkpoint.parts[0].network.parameters
          == whole.checkpoint.parts[0].network.parameters)
      #expect(
        last.checkpoint.parts[0].network.statistics
          == whole.checkpoint.parts[0].network.statistics)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder) == [
          "checkpoint.safetensors"
        ])
    }
  }

  @Test func aCheckpointOfAnotherRunIsRefused() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/checkpoint.safetensors"
      try Run(seed: 4).checkpoint.write(to: path)
      for (seed, recipe, reason) in [(5, "test", "seed"), (4, "other", "recipe")] {
        var run = try Run(seed: UInt64(seed), recipe: recipe)
        let error = try #require(throws: NetsError.self) {
          try run.checkpoint.restore(from: path)
        }
        #expect(error.code == .mismatch && error.message.contains(reason))
        #expect(error.path == path)
      }
      let plain = folder + "/plain.safetensors"
      var run = try Run(seed: 4)
      try SafetensorsWriter.write(run.checkpoint.parts[0].network.tensors(), to: plain)
      let error = try #require(throws: NetsError.self) {
        try run.checkpoint.restore(from: plain)
      }
      #expect(error.code == .mismatch && error.message.contains("not a checkpoint"))
    }
  }
}

/// Calls `body` with a new folder that is removed afterwards.
func withTemporaryFolder(_ body: (String) throws -> Void) throws {
  let folder = FileManager.default.temporaryDirectory.path + "/thumbprint-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  try body(folder)
}
