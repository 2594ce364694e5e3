extension Network {
  /// The parameters and statistics as named tensors, each name behind `prefix`.
  public func tensors(prefix: String = "") -> [(name: String, tensor: Tensor)] {
    plan.parameters.entries.map { entry in
      (prefix + entry.name, Tensor(shape: entry.shape, values: Array(parameters[entry.range])))
    }
      + plan.statistics.entries.map { entry in
        (prefix + entry.name, Tensor(shape: entry.shape, values: Array(statistics[entry.range])))
      }
  }

  /// Takes all parameters and statistics from a weight file; further tensors of it are ignored.
  /// Unchanged if it throws.
  ///
  /// - Parameter prefix: What stands before the names of this network in the file.
  /// - Throws: ``NetsError/Code/missingTensor``, ``NetsError/Code/wrongShape`` or
  ///   ``NetsError/Code/wrongType`` naming the tensor; ``NetsError/Code/malformedFile`` if a weight
  ///   is not a finite number.
  public mutating func load(
    from file: SafetensorsFile, prefix: String = ""
  ) throws(NetsError) {
    var loaded = self
    try file.read(plan.parameters, prefix: prefix, into: &loaded.parameters)
    try file.read(plan.statistics, prefix: prefix, into: &loaded.statistics)
    self = loaded
  }
}

extension SafetensorsFile {
  /// Reads every array of a layout; refuses values that are not finite.
  func read(
    _ layout: ParameterLayout, prefix: String, suffix: String = "", into values: inout [Float]
  ) throws(NetsError) {
    let missing = layout.entries.map { prefix + $0.name + suffix }.filter { entry($0) == nil }
    if let first = missing.first {
      let others = missing.count > 1 ? ", and \(missing.count - 1) more are missing" : ""
      throw NetsError(
        .missingTensor, "there is no tensor '\(clipped(first))'\(others)", path: path)
    }
    for entry in layout.entries {
      let name = prefix + entry.name + suffix
      try read(name, shape: entry.shape, into: &values, at: entry.range.lowerBound)
      guard values[entry.range].allSatisfy(\.isFinite) else {
        throw NetsError(
          .malformedFile, "'\(clipped(name))' holds a value that is not a finite number",
          path: path)
      }
    }
  }
}
