/// The memory in which one worker takes images through a prepared network. Everything is allocated at
/// creation; a pass allocates nothing.
///
/// `@unchecked Sendable` is safe because a workspace belongs to one worker at a time.
package final class InferenceWorkspace: ImagePass, @unchecked Sendable {
  package let imageCountMax: Int
  private let steps: [any InferenceStep]
  private let layout: PixelLayout
  private let jointStart: Int
  private let images: Memory
  private let pixels: Memory
  private let answers: Memory
  /// Activations of one image before ``jointStart``, taking turns, and of all images after it.
  private let single: [Memory]
  private let joint: [Memory]
  private let scratch: Memory

  package init(_ network: InferenceNetwork, imageCountMax: Int) {
    let count = max(1, imageCountMax)
    self.imageCountMax = count
    let (steps, start) = (network.steps, network.jointStart)
    (self.steps, layout, jointStart) = (steps, network.input, start)
    let plan = network.network.plan
    images = Memory(count: count * plan.spec.input.count)
    pixels = Memory(count: count * network.input.count)
    answers = Memory(count: count * plan.output.count)
    let largestSingle = steps[..<start].map(\.output.count).max() ?? 0
    single = (0..<2).map { _ in Memory(count: largestSingle) }
    let largestJoint = steps[max(0, start - 1)...].map(\.output.count).max() ?? 0
    joint = (0..<2).map { _ in Memory(count: count * largestJoint) }
    scratch = Memory(
      count: steps.enumerated().map { $1.scratchCount(imageCount: $0 < start ? 1 : count) }
        .max() ?? 0)
  }

  /// Where the images go in before ``forward(imageCount:)``: CNHW.
  package var input: UnsafeMutablePointer<Float> { images.base }
  /// The answers of the last pass: CNHW.
  package var output: UnsafeMutablePointer<Float> { answers.base }

  /// Takes the images in ``input`` through the network to ``output``.
  package func forward(imageCount: Int) {
    precondition(imageCount <= imageCountMax, "\(imageCount) images, room for \(imageCountMax)")
    layout.take(images.base, imageCount: imageCount, into: pixels.base)
    let last = run(imageCount: imageCount)
    last.layout.give(last.values, imageCount: imageCount, to: answers.base)
  }

  /// Takes vectors, for a network whose images are of one pixel: image by image, each of as many
  /// floats as the input has channels. The answers, too, lie image by image.
  ///
  /// - Returns: The answers, and the floats between two of them; valid until the next pass.
  package func forward(
    vectors: UnsafePointer<Float>, imageCount: Int
  ) -> (values: UnsafePointer<Float>, stride: Int) {
    precondition(imageCount <= imageCountMax, "\(imageCount) images, room for \(imageCountMax)")
    precondition(
      layout.count == layout.shape.channels, "images of \(layout.shape) are no vectors")
    pixels.base.update(from: vectors, count: imageCount * layout.count)
    let last = run(imageCount: imageCount)
    return (last.values, last.layout.count)
  }

  /// Runs all steps over the images in `pixels`.
  private func run(imageCount: Int) -> (values: UnsafePointer<Float>, layout: PixelLayout) {
    for (index, step) in steps.enumerated() {
      let together = index < jointStart ? 1 : imageCount
      // What a step writes beyond it would be somebody else's.
      precondition(
        step.scratchCount(imageCount: together) <= scratch.count,
        "step \(index) has no room for \(together) images")
    }
    var last = layout
    var source = pixels.base
    for image in 0..<imageCount where jointStart > 0 {
      source = pixels.base + image * layout.count
      for (index, step) in steps[..<jointStart].enumerated() {
        let isLast = index == jointStart - 1
        let target =
          isLast ? joint[1].base + image * step.output.count : single[index % 2].base
        step.run(source, imageCount: 1, scratch: scratch.base, into: target)
        (source, last) = (target, step.output)
      }
    }
    if jointStart > 0 { source = joint[1].base }
    for (index, step) in steps[jointStart...].enumerated() {
      let target = joint[index % 2].base
      step.run(source, imageCount: imageCount, scratch: scratch.base, into: target)
      (source, last) = (target, step.output)
    }
    return (UnsafePointer(source), last)
  }
}
