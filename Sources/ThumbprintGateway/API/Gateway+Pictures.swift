import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import ThumbprintClient
import ThumbprintCodes
import ThumbprintCoding
import ThumbprintWire

// Pictures: into codes, into collections, and out of codes again.
extension Gateway {
  func code(_ question: Question) async throws -> CodeAnswer {
    let desk = try desk()
    let picture = try await coded(question.request, desk)
    return CodeAnswer(
      coder: desk.identity.name, feature: picture.feature.base64,
      image: picture.image.hexadecimal)
  }

  /// Codes a picture and stores it: under `?id=`, or under the id that `thumbprint ingest` makes of
  /// `?name=`, so that a picture which is sent twice, or loaded in the other way, is there once.
  func addPicture(_ question: Question) async throws -> AddedAnswer {
    let desk = try desk()
    let name = try question.parameters.text("name")
    let given = try question.parameters.id("id")
    let modified = try question.parameters.number("modified", in: Int64.min...Int64.max)
    guard name != nil || given != nil else {
      throw ServiceError(
        .invalid, "the picture has neither a name nor an id", hint: "?name=cats/tom.jpg")
    }
    if let byteCount = name?.utf8.count, byteCount > RecordLimits.nameByteCountMax {
      throw ServiceError(
        .invalid, "name: \(byteCount) bytes; the most is \(RecordLimits.nameByteCountMax)")
    }
    let collection = try await collection(question)
    let picture = try await coded(question.request, desk)
    let (id, known) = try await Self.place(id: given, name: name, in: collection)
    let record = Self.record(id, name, picture, modified: modified, known: known)
    try RemoteCollection.check(record)
    let counts = try await collection.upsert([record], coder: desk.identity)
    return AddedAnswer(record: RecordAnswer(record), counts: UpsertAnswer(counts))
  }

  /// The id that a picture has in a collection, or gets, and the record that is there.
  private static func place(
    id: ItemID?, name: String?, in collection: RemoteCollection
  ) async throws(ServiceError) -> (id: ItemID, known: Record?) {
    if let id { return (id, try await collection.records([id])[id]) }
    let name = name ?? ""
    let ids = (0..<PictureIDs.attemptCount).map { PictureIDs.id(name, attempt: $0) }
    let taken = try await collection.records(ids)
    // Names that only look alike are two.
    let own = ids.first { id in
      taken[id].map { $0.name.map { $0.utf8.elementsEqual(name.utf8) } ?? false } ?? true
    }
    guard let own else {
      throw ServiceError(.conflict, "no id is free for '\(name.prefix(64))'", hint: "give it one")
    }
    return (own, taken[own])
  }

  /// The record of a picture. What the one that it replaces says beyond the file, as the path by
  /// which `thumbprint ingest` finds it again, stays.
  private static func record(
    _ id: ItemID, _ name: String?, _ picture: CodedPicture, modified: Int64?, known: Record?
  ) -> Record {
    var tags = known?.tags ?? [:]
    let isSame =
      known?.feature == picture.feature && known?.image == picture.image
      && tags[PictureTags.byteCount] == "\(picture.byteCount)"
    // Browsers cut the time of a file to milliseconds, `thumbprint ingest` rounds it.
    let isSameTime =
      if let modified, let time = tags[PictureTags.modified].flatMap({ Int64($0) }) {
        modified == time || modified &+ 1 == time
      } else {
        modified == nil
      }
    if !isSame || !isSameTime {
      tags[PictureTags.modified] = nil
      tags.merge(PictureTags.tags(byteCount: picture.byteCount, modified: modified)) { $1 }
    }
    return Record(
      id: id, name: name ?? known?.name, tags: tags, feature: picture.feature,
      image: picture.image)
  }

  func thumbnail(_ question: Question) async throws -> Response {
    let desk = try desk()
    let text = try name(question, "code")
    guard let bytes = Hexadecimal.bytes(text), [16, 32, 48, 64].contains(bytes.count),
      let code = ImageCode(bytes + [UInt8](repeating: 0, count: ImageCode.byteCount - bytes.count))
    else {
      throw ServiceError(
        .invalid, "a thumbnail is named by 16, 32, 48 or 64 bytes of an image code in hexadecimal")
    }
    // The address has the code; what else makes the picture is the codec.
    let tag = "\"\(desk.imageIdentity.name)\""
    var headers: HTTPFields = [.eTag: tag, .cacheControl: "private, max-age=60"]
    if let known = question.request.headers[.ifNoneMatch],
      known.split(separator: ",").contains(where: { $0.trimmingCharacters(in: .whitespaces) == tag }
      )
    {
      return Response(status: .notModified, headers: headers)
    }
    headers[.contentType] = "image/png"
    let png = try await desk.png(code, byteCount: bytes.count)
    return Response(status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: png)))
  }

  private func desk() throws(ServiceError) -> PictureDesk {
    guard let pictures else {
      throw ServiceError(
        .unavailable, "this coordinator has no model, so it codes and shows no pictures",
        hint: "start it with --model FILE", isRetryable: false)
    }
    return pictures
  }

  /// The codes of a picture file, and how many bytes that has.
  private struct CodedPicture {
    var feature: FeatureCode
    var image: ImageCode
    var byteCount: Int
  }

  /// Codes the picture that is the body of a request.
  private func coded(_ request: Request, _ desk: PictureDesk) async throws -> CodedPicture {
    let type = Self.mediaType(request)
    guard ["image/png", "image/jpeg", "application/octet-stream"].contains(type) else {
      throw ServiceError(
        .invalid, "the content type has to be image/png, image/jpeg or application/octet-stream")
    }
    return try await picturesHeld.run { share in
      let file = try await body(
        request, byteCountMax: GatewayLimits.pictureByteCountMax, share: share)
      let (feature, image) = try await desk.code(file)
      return CodedPicture(feature: feature, image: image, byteCount: file.count)
    }
  }
}
