/// Everything from which an interrupted training goes on to the same weights, bit for bit: weights,
/// statistics, the optimiser's moments, seed and step. Since all randomness is a function of seed
/// and step (``NetRandom``), these two are the generator's state.
///
/// A safetensors file; its weights load like any others.
public struct Checkpoint: Sendable {
  /// One network in training.
  public struct Part: Sendable {
    public let name: String
    public var network: Network
    public var optimizer: Adam

    public init(name: String, network: Network, optimizer: Adam) {
      self.name = name
      self.network = network
      self.optimizer = optimizer
    }

    /// Moves the network's parameters by one step of its optimiser.
    public mutating func update(gradient: [Float], rate: Float) {
      optimizer.update(&network.parameters, gradient: gradient, rate: rate)
    }
  }

  /// What makes two runs the same: data, sizes, schedule; compared as text.
  public let recipe: String
  public let seed: UInt64
  /// Steps done.
  public var step: Int
  public var parts: [Part]
  /// Further numbers that the run found out, under names that no part's name begins.
  public var extras: [(name: String, tensor: Tensor)]

  public init(
    recipe: String, seed: UInt64, step: Int, parts: [Part],
    extras: [(name: String, tensor: Tensor)] = []
  ) {
    self.extras = extras
    self.recipe = recipe
    self.seed = seed
    self.step = step
    self.parts = parts
  }

  private static let kind = "thumbprint-checkpoint-1"
  private static let firstSuffix = ".first_moment"
  private static let secondSuffix = ".second_moment"

  /// Writes the checkpoint, replacing the file at once when all is on disk.
  public func write(to path: String) throws(NetsError) {
    var metadata = [
      "kind": Self.kind, "recipe": recipe, "seed": String(seed), "step": String(step),
    ]
    var tensors = extras
    for part in parts {
      metadata["\(part.name).optimizer_step"] = String(part.optimizer.step)
      tensors += part.network.tensors(prefix: part.name + ".")
      for entry in part.network.plan.parameters.entries {
        let name = "\(part.name).\(entry.name)"
        tensors.append(
          (
            name + Self.firstSuffix,
            Tensor(shape: entry.shape, values: Array(part.optimizer.firstMoments[entry.range]))
          ))
        tensors.append(
          (
            name + Self.secondSuffix,
            Tensor(shape: entry.shape, values: Array(part.optimizer.secondMoments[entry.range]))
          ))
      }
    }
    try SafetensorsWriter.write(tensors, metadata: metadata, to: path)
  }

  /// Takes step, weights and moments from a file written by a run of the same recipe and seed.
  /// Unchanged if it throws.
  ///
  /// - Throws: ``NetsError/Code/mismatch`` if the file is no checkpoint or one of another run, and
  ///   what ``SafetensorsFile`` and ``Network/load(from:prefix:)`` throw.
  public mutating func restore(from path: String) throws(NetsError) {
    let file = try SafetensorsFile(path: path)
    guard file.metadata["kind"] == Self.kind else {
      throw NetsError(.mismatch, "is not a checkpoint of this version", path: path)
    }
    for (key, expected) in [("recipe", recipe), ("seed", String(seed))] {
      let found = file.metadata[key] ?? ""
      guard found == expected else {
        throw NetsError(
          .mismatch,
          "is a checkpoint of another run: its \(key) is \(clipped(found)), not \(expected)",
          path: path)
      }
    }
    var restored = self
    restored.step = try Self.count(file, "step")
    for (index, extra) in extras.enumerated() {
      restored.extras[index].tensor = try file.tensor(extra.name, shape: extra.tensor.shape)
    }
    for index in parts.indices {
      let name = parts[index].name
      try restored.parts[index].network.load(from: file, prefix: name + ".")
      let layout = parts[index].network.plan.parameters
      var first = [Float](repeating: 0, count: layout.count)
      var second = first
      try file.read(layout, prefix: name + ".", suffix: Self.firstSuffix, into: &first)
      try file.read(layout, prefix: name + ".", suffix: Self.secondSuffix, into: &second)
      restored.parts[index].optimizer = Adam(
        options: parts[index].optimizer.options,
        step: try Self.count(file, "\(name).optimizer_step"), firstMoments: first,
        secondMoments: second)
    }
    self = restored
  }

  private static func count(_ file: SafetensorsFile, _ key: String) throws(NetsError) -> Int {
    guard let value = file.metadata[key].flatMap(Int.init), value >= 0 else {
      throw NetsError(
        .malformedFile, "the metadata lack '\(key)', or it is not a number", path: file.path)
    }
    return value
  }
}
