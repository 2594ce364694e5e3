import Foundation

extension ClusterMap {
  /// The map as JSON with sorted keys, so that equal maps are equal bytes.
  public func json() -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Nothing in a map can fail to be encoded: no floating point, no text that is not UTF-8.
    guard let data = try? encoder.encode(self) else {
      preconditionFailure("a cluster map cannot be written as JSON")
    }
    return Array(data)
  }

  /// Reads a map from JSON and validates it.
  ///
  /// - Throws: ``ClusterError/Code/invalid``, in one line that says where and what.
  public init(json: [UInt8]) throws(ClusterError) {
    do {
      self = try JSONDecoder().decode(ClusterMap.self, from: Data(json))
    } catch let error as DecodingError {
      throw ClusterError(.invalid, "cluster map: \(Self.line(error))")
    } catch {
      throw ClusterError(.invalid, "cluster map: not JSON")
    }
  }

  private static func line(_ error: DecodingError) -> String {
    let (context, what): (DecodingError.Context, String?) =
      switch error {
      case .keyNotFound(let key, let context): (context, "has no \(plain(key.stringValue))")
      case .typeMismatch(let type, let context): (context, "is not \(type)")
      case .valueNotFound(_, let context): (context, "is null")
      case .dataCorrupted(let context): (context, nil)
      @unknown default: (DecodingError.Context(codingPath: [], debugDescription: ""), "is damaged")
      }
    let path = context.codingPath.map { plain($0.stringValue) }.joined(separator: ".")
    let text = what ?? plain(context.debugDescription, characterCountMax: 300)
    return path.isEmpty ? text : "\(path): \(text)"
  }

  /// Text of a stranger, fit for one line of a log.
  private static func plain(_ text: String, characterCountMax: Int = 64) -> String {
    let scalars = text.unicodeScalars.prefix(characterCountMax).map {
      $0.properties.generalCategory == .control ? "?" : String($0)
    }
    return scalars.joined()
  }
}
