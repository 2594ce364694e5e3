import ThumbprintCodes

/// What a method reaches on the groups it was tuned on and on those it never saw.
public struct RetrievalRow: Sendable, Codable, Equatable {
  /// The method in words.
  public let method: String
  /// Bits or bytes of what is compared, in words.
  public let size: String
  public let train: RetrievalScore
  public let test: RetrievalScore
}

/// The retrieval figures of the paper on a set of groups.
public struct RetrievalEvaluation {
  private let pictures: PictureSet
  private let described: DescribedSet
  private let train: [Int]
  private let test: [Int]
  private let threadCount: Int

  /// - Parameters:
  ///   - described: The same pictures, described.
  ///   - trainPart: The groups that networks were tuned on; all others are for testing. Queries are
  ///     from one or the other, what is searched is all of the set.
  public init(
    _ pictures: PictureSet, _ described: DescribedSet, trainPart: SetPart, threadCount: Int
  ) {
    precondition(pictures.groups == described.groups, "these are other pictures")
    self.pictures = pictures
    self.described = described
    self.threadCount = threadCount
    train = pictures.groups.indices.filter { trainPart.contains(pictures.groups[$0]) }
    test = pictures.groups.indices.filter { !trainPart.contains(pictures.groups[$0]) }
  }

  private func row(
    _ method: String, _ size: String, _ score: ([Int]) -> RetrievalScore
  ) -> RetrievalRow {
    RetrievalRow(method: method, size: size, train: score(train), test: score(test))
  }

  /// Scores without any network, and of the image codes alone.
  public func baselines() -> [RetrievalRow] {
    let hash = row("perceptual hash", "63 bits") {
      pictures.hashScore(queries: $0, threadCount: threadCount)
    }
    let histogram = row("colour histogram, Hellinger", "64 floats") {
      pictures.histogramScore(queries: $0, threadCount: threadCount)
    }
    let codes = row("image code", "512 bits") {
      RetrievalScore(
        features: [], images: described.imageCodes, groups: pictures.groups, queries: $0,
        threadCount: threadCount)
    }
    return [hash, histogram, codes]
  }

  /// The bits of a network, alone and beside the image codes.
  public func rows(of network: FeatureNetwork, alone: String, combined: String) -> [RetrievalRow] {
    let codes = network.encode(descriptors: described.descriptors, threadCount: threadCount)
    return [
      row(alone, "4096 bits") {
        RetrievalScore(
          features: codes, groups: pictures.groups, queries: $0, threadCount: threadCount)
      },
      row(combined, "4608 bits") {
        RetrievalScore(
          features: codes, images: described.imageCodes, groups: pictures.groups, queries: $0,
          threadCount: threadCount)
      },
    ]
  }

  /// Figure 6: the network before tuning, beside the image codes, and after tuning.
  public func figure6(untuned: FeatureNetwork, tuned: FeatureNetwork) -> [RetrievalRow] {
    rows(of: untuned, alone: "VGG-2", combined: "combined")
      + rows(
        of: tuned, alone: "fine-tuned, features alone", combined: "combined, fine-tuned")
  }

  /// Table 2: 128 floats against 4096 bits, which take as many bytes. The floats are principal
  /// components of the same descriptors, found on the groups tuned on: as they are, and each divided
  /// by its deviation (whitened).
  ///
  /// - Throws: ``CodingError/Code/noPictures`` if there are too few pictures to tune on.
  public func table2(untuned: FeatureNetwork, tuned: FeatureNetwork) throws -> [RetrievalRow] {
    let (count, size) = (128, described.descriptorCount)
    guard train.count > count else {
      throw CodingError(
        .noPictures, "\(train.count) pictures are too few for \(count) principal components")
    }
    let components = try PrincipalComponents(
      train.flatMap { described.descriptors[$0 * size..<($0 + 1) * size] }, dimension: size,
      count: count)
    let plain = components.project(described.descriptors)
    let whitened = plain.enumerated().map { i, value in
      value / max(components.deviations[i % count], 1e-9)
    }
    let floats = [("128 floats", plain), ("128 floats, whitened", whitened)].map { name, vectors in
      row(name, "512 bytes") {
        RetrievalScore(
          vectors: vectors, dimension: count, groups: pictures.groups, queries: $0,
          threadCount: threadCount)
      }
    }
    let bits = [("4096 bits", untuned), ("4096 bits, fine-tuned", tuned)].map { name, network in
      let codes = network.encode(descriptors: described.descriptors, threadCount: threadCount)
      return row(name, "512 bytes") {
        RetrievalScore(
          features: codes, groups: pictures.groups, queries: $0, threadCount: threadCount)
      }
    }
    return floats + bits
  }
}
