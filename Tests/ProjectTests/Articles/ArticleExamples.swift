import Foundation
import Testing
import ThumbprintClient
import ThumbprintCluster
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintImages
import ThumbprintIndex
import ThumbprintNets
import ThumbprintScenes
import ThumbprintStorage
import ThumbprintWire

/// What the articles of the libraries show as Swift, as code that runs.
///
/// What stands between two marks is shown by the article that the mark names, line by line:
/// `ArticleTests` compares them.
@Suite struct ArticleExamples {
  private let folder = FileManager.default.temporaryDirectory
    .appending(path: "thumbprint-articles-\(UUID().uuidString)").path(percentEncoded: false)

  @Test func codes() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    // article: CodesInArrays
    let coded = try CodedDatasetWriter(path: folder, coder: nil, createdBy: "example")
    for number in 0..<100 as Range<UInt64> {
      var feature = FeatureCode()
      feature.withUnsafeMutableBytes { $0[Int(number)] = 0b1000_0000 }
      try coded.append(
        Record(id: ItemID(number), name: "n\(number)", feature: feature, image: ImageCode()))
    }
    _ = try coded.finish()

    let dataset = try CodedDataset(path: folder)
    let distance = dataset.feature(at: 3).distance(to: dataset.feature(at: 4))  // 2 of 4096 bits
    // end
    #expect(dataset.count == 100 && distance == 2)
  }

  @Test func index() throws {
    var random = SplitMix64(seed: 7)
    let codes = (0..<5_000 * FeatureCode.byteCount).map { _ in
      UInt8.random(in: 0...255, using: &random)
    }
    let query = try #require(FeatureCode(codes[..<FeatureCode.byteCount]))
    // article: SearchPromises
    let index = try codes.withUnsafeBytes {
      try MemoryIndex(features: $0.baseAddress!, count: 5_000)
    }
    let answer = index.snapshot.search(
      SearchQuery(feature: query, extent: .nearest(3), promise: .certified))

    for match in answer.matches { print(match.id, match.distance) }
    print(answer.certificate.missProbability)  // at most 1e-9
    print(answer.certificate.radius)  // whatever is nearer is in the answer
    print(answer.certificate.codesCompared, "of", answer.certificate.rowCount)
    // end
    #expect(answer.matches.count == 3 && answer.matches[0].distance == 0)
    #expect(answer.certificate.missProbability <= 1e-9 && answer.certificate.rowCount == 5_000)
  }

  @Test func storage() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let record = Record(id: ItemID(17), name: "cat", feature: FeatureCode(), image: ImageCode())
    // article: RulesOfAStore
    let store = try LocalStore(path: folder, access: .readWrite)
    defer { store.close() }
    try store.createCollection("photos", shardCount: 4, profile: .standard, coder: nil)
    let photos = try store.collection("photos")

    let receipt = try photos.upsert([record])  // on the disk when this returns
    let answer = try photos.search(SearchQuery(feature: record.feature, extent: .within(400)))
    // end
    #expect(receipt.added == 1 && answer.matches.map(\.id) == [ItemID(17)])
  }

  @Test func coding() throws {
    let modelPath = Project.root.appending(
      path: "Sources/ThumbprintCoding/Resources/thumbprint.safetensors"
    ).path
    let picture = DemonstrationSet(objectCount: 1).picture(0)
    // article: FromPicturesToCodes
    let model = try Model(path: modelPath)
    let image = model.codec.encode(picture)  // 64 bytes that show it
    let feature = model.features?.encode(picture)  // 512 bytes that find it

    let coarse = model.codec.decode(image, byteCount: 16)
    let fine = model.codec.decode(image)
    // end
    #expect(
      feature != nil && coarse.width == 32 && fine.height == 32 && coarse.pixels != fine.pixels)
  }

  @Test func images() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Picture(width: 40, height: 30, red: 200, green: 0, blue: 0).writePNG(to: folder)
    // article: ThumbprintImages
    let picture = try PictureReader.read(path: folder)
    let thumbnail = picture.resized(width: 32, height: 32, filter: .area)
    let bytes = try thumbnail.png()
    // end
    #expect(try PictureReader.decode(bytes) == thumbnail)
  }

  @Test func scenes() {
    // article: ThumbprintScenes
    let set = DemonstrationSet(seed: 1, objectCount: 10, side: 64)
    let first = set.picture(0)  // object 0, view 0
    let second = set.picture(1)  // the same object in another pose, light and place
    // end
    #expect(first.width == 64 && first != second && set.pictureCount == 40)
  }

  @Test func nets() throws {
    // article: NetworksAndWeights
    let spec = NetworkSpec(
      input: FeatureShape(channels: 3, height: 8, width: 8),
      layers: [
        .convolution(name: "conv1", channels: 4, kernel: 3, padding: 1, bias: true), .relu,
      ])
    let network = try Network(spec, seed: 1)
    let inference = InferenceNetwork(network)
    let activations = inference.apply(to: Tensor(shape: [2, 3, 8, 8], repeating: 0.5))
    // end
    #expect(activations.shape == [2, 4, 8, 8])
  }

  @Test func wire() throws {
    // article: FramesAndMessages
    let bytes = Frame(asking: Ping(token: 42), requestID: 1).encoded()

    var decoder = FrameDecoder()
    let frame = try bytes.withUnsafeBytes { piece in
      var rest = piece
      return try decoder.next(&rest)  // nil until a frame is whole
    }
    let ping = try frame?.message(as: Ping.self)
    // end
    #expect(ping?.token == 42)
  }

  @Test func cluster() throws {
    // article: MachinesThatDecide
    let map = ClusterMap(clusterID: ClusterID(high: 1, low: 2))
    var controller = ControllerStateMachine(map: map, now: MonotonicInstant(nanoseconds: 0))
    let actions = controller.deadlineFired(now: MonotonicInstant(nanoseconds: 1_500_000_000))
    for action in actions { print(action) }  // the shell carries them out
    // end
    #expect(map.collections.isEmpty)
  }

  /// Compiled; a cluster that runs is asked in EndToEndTests.
  func client(picture feature: FeatureCode) async throws {
    // article: LifeOfAQuery
    let client = try await ClusterClient.connect(
      host: "127.0.0.1", port: 7700, program: "example 1.0")
    let photos = try await client.collection("photos")

    var search = SearchRequest(
      collection: photos.id, extent: .nearest(10), wants: [.images, .certificate])
    search.append(feature: feature)
    let reply = try await photos.search(search)
    // end
    #expect(reply.answers.count == 1)
    await client.close()
  }
}
