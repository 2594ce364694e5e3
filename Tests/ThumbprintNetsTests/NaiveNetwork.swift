import ThumbprintNets

/// The slow twin of ``Network``: plain loops in double precision over NCHW arrays, straight from the
/// definitions of the layers.
struct NaiveNetwork {
  let spec: NetworkSpec
  var parameters: [String: [Double]] = [:]
  var statistics: [String: [Double]] = [:]
  /// Whether batch normalisation uses the statistics of the batch.
  var isTraining: Bool

  init(_ network: Network, isTraining: Bool) {
    spec = network.plan.spec
    self.isTraining = isTraining
    for entry in network.plan.parameters.entries {
      parameters[entry.name] = network.parameters[entry.range].map(Double.init)
    }
    for entry in network.plan.statistics.entries {
      statistics[entry.name] = network.statistics[entry.range].map(Double.init)
    }
  }

  struct Images {
    var shape: FeatureShape
    var count: Int
    var values: [Double]

    subscript(image: Int, channel: Int, row: Int, column: Int) -> Double {
      get {
        guard row >= 0, column >= 0, row < shape.height, column < shape.width else { return 0 }
        return values[index(image, channel, row, column)]
      }
      set {
        guard row >= 0, column >= 0, row < shape.height, column < shape.width else { return }
        values[index(image, channel, row, column)] = newValue
      }
    }

    private func index(_ image: Int, _ channel: Int, _ row: Int, _ column: Int) -> Int {
      ((image * shape.channels + channel) * shape.height + row) * shape.width + column
    }

    init(_ shape: FeatureShape, count: Int) {
      self.shape = shape
      self.count = count
      values = [Double](repeating: 0, count: shape.count * count)
    }
  }

  func apply(to input: [Double], count: Int) -> [Double] {
    var images = Images(spec.input, count: count)
    images.values = input
    for layer in spec.layers { images = apply(layer, to: images) }
    return images.values
  }

  private func apply(_ layer: LayerSpec, to x: Images) -> Images {
    switch layer {
    case .convolution(let name, let channels, let kernel, let stride, let padding, _):
      return convolution(x, name, channels, kernel, stride, padding)
    case .transposedConvolution(let name, let channels, let kernel, let stride, let padding, _):
      return transposedConvolution(x, name, channels, kernel, stride, padding)
    case .fullyConnected(let name, let channels, _):
      let weights = parameters["\(name).weight"]!
      var y = Images(FeatureShape(channels: channels, height: 1, width: 1), count: x.count)
      for image in 0..<x.count {
        for channel in 0..<channels {
          var sum = parameters["\(name).bias"]?[channel] ?? 0
          for i in 0..<x.shape.count {
            sum += weights[channel * x.shape.count + i] * x.values[image * x.shape.count + i]
          }
          y[image, channel, 0, 0] = sum
        }
      }
      return y
    case .maxPooling(let kernel, let stride):
      return maxPooling(x, kernel, stride)
    case .relu: return map(x) { max(0, $0) }
    case .tanh: return map(x, hyperbolicTangent)
    case .dropout: return x
    case .batchNormalization(let name): return batchNormalization(x, name)
    case .binarizer: return map(x) { $0 >= 0 ? 1 : -1 }
    }
  }

  private func map(_ x: Images, _ f: (Double) -> Double) -> Images {
    var y = x
    y.values = x.values.map(f)
    return y
  }

  private func convolution(
    _ x: Images, _ name: String, _ channels: Int, _ kernel: Int, _ stride: Int, _ padding: Int
  ) -> Images {
    let weights = parameters["\(name).weight"]!
    let shape = FeatureShape(
      channels: channels, height: (x.shape.height + 2 * padding - kernel) / stride + 1,
      width: (x.shape.width + 2 * padding - kernel) / stride + 1)
    var y = Images(shape, count: x.count)
    for image in 0..<x.count {
      for channel in 0..<channels {
        for row in 0..<shape.height {
          for column in 0..<shape.width {
            var sum = parameters["\(name).bias"]?[channel] ?? 0
            for input in 0..<x.shape.channels {
              for ky in 0..<kernel {
                for kx in 0..<kernel {
                  let tap = ((channel * x.shape.channels + input) * kernel + ky) * kernel + kx
                  sum +=
                    weights[tap]
                    * x[image, input, row * stride + ky - padding, column * stride + kx - padding]
                }
              }
            }
            y[image, channel, row, column] = sum
          }
        }
      }
    }
    return y
  }

  private func transposedConvolution(
    _ x: Images, _ name: String, _ channels: Int, _ kernel: Int, _ stride: Int, _ padding: Int
  ) -> Images {
    let weights = parameters["\(name).weight"]!
    let shape = FeatureShape(
      channels: channels, height: (x.shape.height - 1) * stride - 2 * padding + kernel,
      width: (x.shape.width - 1) * stride - 2 * padding + kernel)
    var y = Images(shape, count: x.count)
    let bias = parameters["\(name).bias"]
    for i in y.values.indices { y.values[i] = bias?[i / shape.planeCount % channels] ?? 0 }
    for image in 0..<x.count {
      for input in 0..<x.shape.channels {
        for row in 0..<x.shape.height {
          for column in 0..<x.shape.width {
            for channel in 0..<channels {
              for ky in 0..<kernel {
                for kx in 0..<kernel {
                  let tap = ((input * channels + channel) * kernel + ky) * kernel + kx
                  y[image, channel, row * stride + ky - padding, column * stride + kx - padding] +=
                    weights[tap] * x[image, input, row, column]
                }
              }
            }
          }
        }
      }
    }
    return y
  }

  private func maxPooling(_ x: Images, _ kernel: Int, _ stride: Int) -> Images {
    let shape = FeatureShape(
      channels: x.shape.channels, height: (x.shape.height - kernel) / stride + 1,
      width: (x.shape.width - kernel) / stride + 1)
    var y = Images(shape, count: x.count)
    for image in 0..<x.count {
      for channel in 0..<shape.channels {
        for row in 0..<shape.height {
          for column in 0..<shape.width {
            var best = -Double.infinity
            for ky in 0..<kernel {
              for kx in 0..<kernel {
                best = max(best, x[image, channel, row * stride + ky, column * stride + kx])
              }
            }
            y[image, channel, row, column] = best
          }
        }
      }
    }
    return y
  }

  private func batchNormalization(_ x: Images, _ name: String) -> Images {
    var y = x
    let plane = x.shape.planeCount
    for channel in 0..<x.shape.channels {
      let places = (0..<x.count).flatMap { image in
        (0..<plane).map { (image * x.shape.channels + channel) * plane + $0 }
      }
      var mean = statistics["\(name).running_mean"]![channel]
      var variance = statistics["\(name).running_var"]![channel]
      if isTraining {
        mean = places.reduce(0) { $0 + x.values[$1] } / Double(places.count)
        variance =
          places.reduce(0) { $0 + (x.values[$1] - mean) * (x.values[$1] - mean) }
          / Double(places.count)
      }
      for place in places {
        y.values[place] =
          (x.values[place] - mean) / (variance + 1e-5).squareRoot()
          * parameters["\(name).weight"]![channel] + parameters["\(name).bias"]![channel]
      }
    }
    return y
  }
}

/// tanh by its series of exponentials, good to double precision over the tests' range.
func hyperbolicTangent(_ x: Double) -> Double {
  var term = 1.0
  var sum = 1.0
  let z = 2 * abs(x)
  for i in 1..<200 {
    term *= z / Double(i)
    sum += term
  }
  let value = 1 - 2 / (sum + 1)
  return x < 0 ? -value : value
}
