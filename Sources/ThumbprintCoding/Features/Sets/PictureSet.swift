import ThumbprintCodes
import ThumbprintImages
import ThumbprintNets

/// Pictures of groups, read once, at the sizes that the networks take.
public struct PictureSet: Sendable {
  /// The group of each picture.
  public let groups: [Int]
  /// At the size of the feature network's input.
  let pictures: [Picture]
  /// For the image codec and the baselines.
  let thumbnails: Thumbnails

  /// Reads pictures.
  ///
  /// - Parameters:
  ///   - indices: Which of them.
  ///   - description: What the pictures are for.
  ///   - progress: Called with the number of pictures read.
  /// - Throws: `ImagesError` naming the path.
  public init(
    _ set: PictureGroups, indices: [Int], for description: VGGDescription, threadCount: Int,
    progress: (Int) -> Void = { _ in }
  ) throws {
    var (pictures, thumbnails): ([Picture], Thumbnails) = ([], Thumbnails())
    // In blocks, so that only the small pictures are held.
    for start in stride(from: 0, to: indices.count, by: 256) {
      let block = indices[start..<min(indices.count, start + 256)].map { set.paths[$0] }
      let side = max(description.side, Thumbnails.side)
      let read = try PictureLoader.read(block, threadCount: threadCount) { path in
        let picture = try PictureReader.read(path: path, sideMin: 2 * side)
        return (description.sized(picture), Thumbnails.shrunk(picture))
      }
      for (sized, small) in read {
        pictures.append(sized)
        thumbnails.append(small)
      }
      progress(pictures.count)
    }
    groups = indices.map { set.groups[$0] }
    self.pictures = pictures
    self.thumbnails = thumbnails
  }

  /// Pictures in all.
  public var count: Int { pictures.count }
}

/// What the fixed parts of the coder make of a set: all that tuning and judging a head need.
public struct DescribedSet: Sendable {
  public let groups: [Int]
  /// The image codes of the pictures; empty without a codec.
  public let imageCodes: [ImageCode]
  /// What stands before the head, picture by picture.
  let descriptors: [Float]
  let descriptorCount: Int

  /// - Parameters:
  ///   - pooling: What of the last activations goes on. All of them take much memory: 64 KB a picture
  ///     for the compact network.
  ///   - codec: Makes the image codes.
  ///   - progress: Called with the number of pictures described; from any thread, one at a time.
  public init(
    _ set: PictureSet, part: ConvolutionalPart,
    pooling: FeatureDescription.Pooling = .pyramid, codec: Codec?, threadCount: Int,
    progress: (Int) -> Void = { _ in }
  ) {
    groups = set.groups
    let description = FeatureDescription(convolutions: part.description, pooling: pooling)
    descriptorCount = description.descriptorCount(part.output)
    descriptors = part.descriptors(
      set.count, description, threadCount: threadCount, progress: progress
    ) { set.pictures[$0] }
    imageCodes = codec?.encode(set.thumbnails, threadCount: threadCount) ?? []
  }

  private init(groups: [Int], imageCodes: [ImageCode], descriptors: [Float], size: Int) {
    self.groups = groups
    self.imageCodes = imageCodes
    self.descriptors = descriptors
    descriptorCount = size
  }

  /// The pictures of some groups.
  public func filtered(_ isIncluded: (_ group: Int) -> Bool) -> DescribedSet {
    let indices = groups.indices.filter { isIncluded(groups[$0]) }
    return DescribedSet(
      groups: indices.map { groups[$0] },
      imageCodes: imageCodes.isEmpty ? [] : indices.map { imageCodes[$0] },
      descriptors: indices.flatMap {
        descriptors[$0 * descriptorCount..<($0 + 1) * descriptorCount]
      }, size: descriptorCount)
  }

  /// The retrieval scores of a network with these descriptors: its own bits, and with those of the
  /// image codes beside them (`nil` without).
  ///
  /// - Parameter queries: The pictures to ask with; all of the set are searched.
  public func scores(
    _ network: FeatureNetwork, queries: [Int], threadCount: Int
  ) -> (features: RetrievalScore, combined: RetrievalScore?) {
    let codes = network.encode(descriptors: descriptors, threadCount: threadCount)
    let features = RetrievalScore(
      features: codes, groups: groups, queries: queries, threadCount: threadCount)
    guard !imageCodes.isEmpty else { return (features, nil) }
    return (
      features,
      RetrievalScore(
        features: codes, images: imageCodes, groups: groups, queries: queries,
        threadCount: threadCount)
    )
  }
}

extension FeatureNetwork {
  /// A network whose head is fitted to a set and has not been tuned.
  ///
  /// - Parameters:
  ///   - usesGroups: Whether the projection knows which pictures are of one group; without, the
  ///     network has seen no label.
  ///   - emphasis: With groups, how much more the directions count in which groups differ most, as
  ///     a power of their deviation; an index likes 0.5 with few components.
  /// - Throws: ``CodingError/Code/noPictures`` if there are fewer pictures than components.
  public init(
    fitting part: ConvolutionalPart, to set: DescribedSet, usesGroups: Bool, emphasis: Float = 0,
    componentCount: Int = 256, hiddenCount: Int = 1_024, seed: UInt64
  ) throws {
    try self.init(
      fitting: part, to: set.descriptors, groups: usesGroups ? set.groups : nil, emphasis: emphasis,
      componentCount: componentCount, hiddenCount: hiddenCount, seed: seed)
  }
}

extension FineTuningTrainer {
  /// Prepares a run on a set, which has image codes.
  public init(
    recipe: FineTuningRecipe, network: FeatureNetwork, set: DescribedSet, seed: UInt64,
    threadCount: Int
  ) throws {
    guard set.imageCodes.count == set.groups.count else {
      throw CodingError(.invalidRecipe, "fine-tuning needs the image codes of its pictures")
    }
    try self.init(
      recipe: recipe, network: network, descriptors: set.descriptors,
      imageCodes: set.imageCodes, groups: set.groups, seed: seed, threadCount: threadCount)
  }
}

extension FeatureNetwork {
  /// The same network with the threshold of every bit at its median over a set: a better start for
  /// tuning than thresholds that were learned for something else.
  public func balanced(over set: DescribedSet) -> FeatureNetwork {
    var network = self
    let (size, count) = (set.descriptorCount, set.groups.count)
    let taken = min(1_024, count)
    let sample = (0..<taken).flatMap { place in
      let start = place * count / taken * size
      return set.descriptors[start..<start + size]
    }
    network.balanceBits(network.learnerInputs(sample))
    return network
  }
}
