extension Network {
  /// Takes the weights of a network made by ``VGGDescription`` from a file that names them as
  /// torchvision (`features.0.weight`, `classifier.0.weight`), timm (`pre_logits.fc1.weight`,
  /// `head.fc.weight`) or this project (`conv1_1.weight`, `fc6.weight`) does. Unchanged if it
  /// throws.
  ///
  /// Fully connected weights may come as matrices or, as timm keeps them, as convolutions of the
  /// same values.
  ///
  /// - Throws: ``NetsError``: a layer that the file lacks is named both ways, with the number of
  ///   others that are missing.
  public mutating func loadVGG(
    _ description: VGGDescription, from file: SafetensorsFile
  ) throws(NetsError) {
    let names = VGGNames(description)
    var loaded = self
    var missing: [String] = []
    for entry in plan.parameters.entries {
      guard let source = names.candidates(entry.name).first(where: { file.entry($0) != nil })
      else {
        missing.append(entry.name)
        continue
      }
      var shape = entry.shape
      if shape.count == 2, let found = file.entry(source)?.shape, found.count == 4,
        found[0] == shape[0], Self.product(found.dropFirst()) == shape[1]
      {
        shape = found
      }
      try file.read(source, shape: shape, into: &loaded.parameters, at: entry.range.lowerBound)
      guard loaded.parameters[entry.range].allSatisfy(\.isFinite) else {
        throw NetsError(
          .malformedFile, "'\(clipped(source))' holds a value that is not a finite number",
          path: file.path)
      }
    }
    guard missing.isEmpty else {
      let first = missing[0]
      let others = missing.count > 1 ? ", and \(missing.count - 1) more are missing" : ""
      throw NetsError(
        .missingTensor,
        "there is no '\(first)' (\(names.candidates(first).dropFirst().joined(separator: ", ")))"
          + others, path: file.path)
    }
    self = loaded
  }

  /// The product of extents that may be large; -1 if it overflows.
  private static func product(_ extents: some Sequence<Int>) -> Int {
    var product = 1
    for extent in extents {
      let (next, overflowed) = product.multipliedReportingOverflow(by: extent)
      if overflowed { return -1 }
      product = next
    }
    return product
  }
}

extension VGGDescription {
  /// The names under which a file may hold a fully connected layer's array (`fc6.weight`): this
  /// project's, torchvision's, timm's.
  public static func fileNames(of name: String) -> [String] {
    VGGNames(.vgg19).candidates(name)
  }
}

/// What other projects call the layers of a VGG network.
struct VGGNames {
  private var others: [String: [String]] = [
    "fc6": ["classifier.0", "pre_logits.fc1"], "fc7": ["classifier.3", "pre_logits.fc2"],
    "fc8": ["classifier.6", "head.fc"],
  ]

  init(_ description: VGGDescription) {
    // torchvision and timm number the layers of one sequence: convolution, ReLU, pooling.
    var index = 0
    for (b, block) in description.blocks.enumerated() {
      for c in block.indices {
        others["conv\(b + 1)_\(c + 1)"] = ["features.\(index)"]
        index += 2
      }
      index += 1
    }
  }

  /// The names under which a file may hold an array of this project's name, ours first.
  func candidates(_ name: String) -> [String] {
    guard let dot = name.lastIndex(of: "."), let names = others[String(name[..<dot])] else {
      return [name]
    }
    return [name] + names.map { $0 + name[dot...] }
  }
}
