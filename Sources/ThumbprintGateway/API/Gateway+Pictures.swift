import Hummingbird
import NIOCore
import ThumbprintClient
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintWire

// Pictures: into codes, into collections, and out of codes again.
extension Gateway {
  func code(_ request: Request) async throws -> CodeAnswer {
    let desk = try desk()
    let (feature, image, _) = try await coded(request, desk)
    return CodeAnswer(
      coder: desk.identity.name, feature: feature.base64, image: image.hexadecimal)
  }

  /// Codes a picture and stores it: under `?id=`, or under the id that `thumbprint ingest` makes of
  /// `?name=`, so that a picture which is sent twice, or loaded in the other way, is there once.
  func addPicture(_ request: Request, _ context: Context) async throws -> AddedAnswer {
    let desk = try desk()
    let parameters = try QueryParameters(request, known: ["name", "id", "modified"])
    let name = try parameters.text("name")
    let given = try parameters.id("id")
    let modified = try parameters.number("modified", in: Int64.min...Int64.max)
    guard name != nil || given != nil else {
      throw ServiceError(
        .invalid, "the picture has neither a name nor an id", hint: "?name=cats/tom.jpg")
    }
    let collection = try await collection(context)
    let (feature, image, byteCount) = try await coded(request, desk)
    var record = Record(
      id: given ?? ItemID(0), name: name,
      tags: PictureTags.tags(byteCount: byteCount, modified: modified), feature: feature,
      image: image)
    try RemoteCollection.check(record)
    if given == nil, let name { record.id = try await Self.id(of: name, in: collection) }
    let counts = try await collection.upsert([record], coder: desk.identity)
    return AddedAnswer(record: RecordAnswer(record), counts: UpsertAnswer(counts))
  }

  /// The id that a name has in a collection, or gets.
  private static func id(
    of name: String, in collection: RemoteCollection
  ) async throws(ServiceError) -> ItemID {
    let ids = (0..<PictureIDs.attemptCount).map { PictureIDs.id(name, attempt: $0) }
    let taken = try await collection.records(ids)
    guard let id = ids.first(where: { taken[$0] == nil || taken[$0]?.name == name }) else {
      throw ServiceError(.conflict, "no id is free for '\(name.prefix(64))'", hint: "give it one")
    }
    return id
  }

  func thumbnail(_ context: Context) async throws -> Response {
    let desk = try desk()
    let text = try name(context, "code")
    guard let bytes = Hexadecimal.bytes(text), [16, 32, 48, 64].contains(bytes.count),
      let code = ImageCode(bytes + [UInt8](repeating: 0, count: ImageCode.byteCount - bytes.count))
    else {
      throw ServiceError(
        .invalid, "a thumbnail is named by 16, 32, 48 or 64 bytes of an image code in hexadecimal")
    }
    let png = try await desk.png(code, byteCount: bytes.count)
    return Response(
      status: .ok,
      headers: [.contentType: "image/png", .cacheControl: "max-age=86400, immutable"],
      body: .init(byteBuffer: ByteBuffer(bytes: png)))
  }

  private func desk() throws(ServiceError) -> PictureDesk {
    guard let pictures else {
      throw ServiceError(
        .unavailable, "this coordinator has no model, so it codes and shows no pictures",
        hint: "start it with --model FILE", isRetryable: false)
    }
    return pictures
  }

  /// The codes of the picture that is the body of a request, and how many bytes that has.
  private func coded(
    _ request: Request, _ desk: PictureDesk
  ) async throws -> (FeatureCode, ImageCode, byteCount: Int) {
    let type = Self.mediaType(request)
    guard ["image/png", "image/jpeg", "application/octet-stream"].contains(type) else {
      throw ServiceError(
        .invalid, "the content type has to be image/png, image/jpeg or application/octet-stream")
    }
    return try await uploads.run {
      let file = try await body(request, byteCountMax: GatewayLimits.pictureByteCountMax)
      let (feature, image) = try await desk.code(file)
      return (feature, image, file.count)
    }
  }
}
