import CNets
import Testing
import ThumbprintNets

/// The kernels of CNets against plain loops, and every level against the others bit for bit.
///
/// Serialised, since levels are the process's. Other suites do not notice: their answers are the same
/// at every level, which is what is tested here.
@Suite(.serialized) struct InferenceKernelTests {
  private static let levels = (0..<Int32(TN_LEVEL_COUNT)).filter { tn_level_available($0) != 0 }

  /// What `body` makes at each level that this machine runs; the first is the portable one.
  private func atEveryLevel<R>(_ body: () -> R) -> [R] {
    let before = tn_level_current()
    defer { _ = tn_level_force(before) }
    return Self.levels.map { level in
      #expect(tn_level_force(level) == 1)
      return body()
    }
  }

  private func values(_ count: Int, _ random: inout NetRandom) -> [Float] {
    (0..<count).map { _ in random.normal() }
  }

  @Test func levelsHaveNames() {
    let names = (0..<Int32(TN_LEVEL_COUNT)).compactMap {
      tn_level_name($0).map { String(cString: $0) }
    }
    #expect(names == ["portable", "avx2", "avx512", "neon"])
    #expect(tn_level_name(-1) == nil && tn_level_name(Int32(TN_LEVEL_COUNT)) == nil)
    #expect(Self.levels.first == Int32(TN_LEVEL_PORTABLE))
    let before = tn_level_current()
    #expect(tn_level_force(Int32(TN_LEVEL_COUNT)) == 0 && tn_level_current() == before)
  }

  @Test func productsEqualPlainSumsAtEveryLevel() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = NetRandom(seed)
    for round in 0..<40 {
      let rows = 1 + random.integer(below: 20)
      let depth = round % 8 == 0 ? 1_000 + random.integer(below: 200) : random.integer(below: 90)
      let columns = 1 + random.integer(below: 150)
      let written = tn_rounded(columns)
      let (lda, ldc) = (depth + random.integer(below: 3), written + random.integer(below: 20))
      let a = values(rows * lda + 1, &random)
      let b = values(depth * columns + 1, &random)
      let bias = values(columns, &random) + [Float](repeating: 0, count: written - columns)
      let (hasBias, clamps) = (round % 3 > 0, round % 2 == 0)
      var packed = [Float](repeating: .nan, count: depth * written + 1)
      tn_pack(b, columns, 1, depth, columns, &packed)
      let results = atEveryLevel {
        var c = [Float](repeating: 77, count: rows * ldc)
        bias.withUnsafeBufferPointer { bias in
          tn_multiply(
            rows, depth, columns, a, lda, packed, hasBias ? bias.baseAddress : nil,
            clamps ? 1 : 0, &c, ldc)
        }
        return c
      }
      #expect(results.allSatisfy { $0 == results[0] }, "seed=\(seed) round \(round)")
      for row in 0..<rows {
        for column in 0..<columns {
          var sum = hasBias ? Double(bias[column]) : 0
          var size = abs(sum)
          for i in 0..<depth {
            let product = Double(a[row * lda + i]) * Double(b[i * columns + column])
            sum += product
            size += abs(product)
          }
          if clamps { sum = max(0, sum) }
          let difference = abs(Double(results[0][row * ldc + column]) - sum)
          if difference > 1e-5 * size + 1e-7 {
            Issue.record("seed=\(seed) round \(round): \(row), \(column): off by \(difference)")
          }
        }
        // What lies beyond the columns written is left alone.
        #expect(results[0][row * ldc + written..<(row + 1) * ldc].allSatisfy { $0 == 77 })
      }
    }
  }

  @Test func clampingMakesZeroOfWhatIsNoNumber() {
    let packed = [Float](repeating: 1, count: 16)
    for result in atEveryLevel({
      var c = [Float](repeating: 7, count: 4 * 16)
      tn_multiply(4, 1, 16, [.nan, -1, 2, -.infinity], 1, packed, nil, 1, &c, 16)
      return stride(from: 0, to: 64, by: 16).map { c[$0] }
    }) {
      #expect(result == [0, 0, 2, 0])
    }
  }

  @Test func preparedNetworksAnswerAlikeAtEveryLevelAndInEveryBatch() throws {
    let spec = NetworkSpec(
      input: FeatureShape(channels: 20, height: 21, width: 18),
      layers: [
        .convolution(name: "a", channels: 37, kernel: 3, padding: 1), .relu,
        .maxPooling(kernel: 2, stride: 2),
        .convolution(name: "b", channels: 18, kernel: 3, stride: 2, padding: 1), .relu,
        .transposedConvolution(name: "c", channels: 5, kernel: 4, stride: 2, padding: 1),
        .fullyConnected(name: "d", channels: 33),
      ])
    let network = InferenceNetwork(try Network(spec, seed: 3))
    var random = NetRandom(4)
    let images = Tensor(shape: [19, 20, 21, 18], values: values(19 * 20 * 21 * 18, &random))
    let answers = atEveryLevel { network.apply(to: images) }
    #expect(answers.allSatisfy { $0 == answers[0] })
    let size = spec.input.count
    for image in [0, 7, 18] {
      let one = Tensor(
        shape: [1, 20, 21, 18], values: Array(images.values[image * size..<(image + 1) * size]))
      #expect(
        network.apply(to: one).values == Array(answers[0].values[image * 33..<(image + 1) * 33]))
    }
  }

  /// Seven images of this network are cut into longer bands than eight: with memory for the bands of
  /// eight, the last of a folder of seven pictures were written past its end. Memory is now that of
  /// the longest band of any number of images, and every pass checks that it suffices.
  @Test func aWorkspaceTakesEveryNumberOfImagesUpToItsOwn() throws {
    let spec = NetworkSpec(
      input: FeatureShape(channels: 128, height: 16, width: 16),
      layers: [.convolution(name: "a", channels: 16, kernel: 3, padding: 1)])
    let network = InferenceNetwork(try Network(spec, seed: 3))
    let (size, answer) = (spec.input.count, 16 * 16 * 16)
    var random = NetRandom(6)
    let image = values(size, &random)
    let one = network.apply(to: Tensor(shape: [1, 128, 16, 16], values: image)).values
    for most in [8, 16] {
      let workspace = InferenceWorkspace(network, imageCountMax: most)
      for count in 1...most {
        // CNHW: all images of a channel, then those of the next.
        for channel in 0..<128 {
          for place in 0..<count {
            for i in 0..<256 {
              workspace.input[(channel * count + place) * 256 + i] = image[channel * 256 + i]
            }
          }
        }
        workspace.forward(imageCount: count)
        for place in 0..<count {
          let isEqual = (0..<answer).allSatisfy { i in
            workspace.output[(i / 256 * count + place) * 256 + i % 256] == one[i]
          }
          #expect(isEqual, "image \(place) of \(count)")
        }
      }
    }
  }

  @Test func foldingIsTheAdjointOfPatches() {
    var random = NetRandom(5)
    for (kernel, step, padding) in [(3, 1, 1), (4, 2, 1), (2, 3, 0), (1, 1, 0), (5, 2, 4)] {
      let (height, width, channels, pixel) = (7, 9, 3, 4)
      var window = tn_window(
        height: height, width: width, channels: channels, stride: pixel,
        rows: (height + 2 * padding - kernel) / step + 1,
        columns: (width + 2 * padding - kernel) / step + 1, kernel: kernel, step: step,
        padding: padding)
      let places = window.rows * window.columns
      let size = kernel * kernel * channels
      let x = values(height * width * pixel, &random)
      let g = values(places * (size + 2), &random)
      var patches = [Float](repeating: .nan, count: places * size)
      let half = places / 2
      tn_patches(&window, x, 0, half, &patches)
      patches.withUnsafeMutableBufferPointer {
        tn_patches(&window, x, half, places - half, $0.baseAddress! + half * size)
      }
      var y = [Float](repeating: 0, count: x.count)
      tn_fold(&window, g, size + 2, &y)
      var (left, right) = (0.0, 0.0)
      for place in 0..<places {
        for i in 0..<size {
          left += Double(patches[place * size + i]) * Double(g[place * (size + 2) + i])
        }
      }
      for i in x.indices where i % pixel < channels { right += Double(x[i]) * Double(y[i]) }
      #expect(abs(left - right) <= 1e-4 * max(1, abs(left)), "\(kernel) \(step) \(padding)")
      #expect(y.indices.allSatisfy { $0 % pixel < channels || y[$0] == 0 })
    }
  }
}
