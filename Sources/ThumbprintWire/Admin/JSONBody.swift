import Foundation

/// Bodies in JSON: of messages that are few, so that people and scripts can read them.
enum JSONBody {
  /// The bytes of a value, keys in order.
  static func encode(_ value: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return Array(try encoder.encode(value))
    } catch {
      preconditionFailure("\(type(of: value)) cannot be written as JSON: \(error)")
    }
  }

  /// Reads a value; keys that it does not know are passed over, so that a later version can add
  /// some.
  static func decode<T: Decodable>(
    _ bytes: [UInt8], as type: T.Type = T.self, place: String
  ) throws(ServiceError) -> T {
    do {
      return try JSONDecoder().decode(T.self, from: Data(bytes))
    } catch let error as DecodingError {
      throw .malformed(place, expected: "JSON of its form", found: describe(error))
    } catch {
      throw .malformed(place, expected: "JSON", found: "other bytes")
    }
  }

  private static func describe(_ error: DecodingError) -> String {
    let (context, what): (DecodingError.Context, String) =
      switch error {
      case .keyNotFound(let key, let context): (context, "no '\(key.stringValue)'")
      case .typeMismatch(let type, let context): (context, "what is no \(type)")
      case .valueNotFound(let type, let context): (context, "null for \(type)")
      case .dataCorrupted(let context): (context, context.debugDescription)
      @unknown default: (DecodingError.Context(codingPath: [], debugDescription: ""), "damage")
      }
    let path = context.codingPath.map(\.stringValue).joined(separator: ".")
    let line = path.isEmpty ? what : "\(what) at \(path)"
    // Text of a stranger: one line of bounded length.
    return String(line.prefix(200).map { $0.isNewline ? " " : $0 })
  }
}

/// `{"operation": NAME, "arguments": {…}}`
struct JSONEnvelope<Arguments: Codable>: Codable {
  var operation: String
  var arguments: Arguments
}

/// The part of an envelope that tells what the rest is.
private struct JSONOperationName: Decodable {
  var operation: String
}

extension JSONBody {
  static func operation(_ body: [UInt8], place: String) throws(ServiceError) -> String {
    try decode(body, as: JSONOperationName.self, place: place).operation
  }
}
