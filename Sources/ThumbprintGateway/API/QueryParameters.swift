import Foundation
import Hummingbird
import ThumbprintCodes
import ThumbprintWire

/// What stands behind the `?` of an address: only what is known, each once.
struct QueryParameters {
  private var values: [String: String] = [:]

  /// - Throws: `invalid` about what is not known, given twice or wrongly escaped.
  init(_ request: Request, known: Set<String>) throws(ServiceError) {
    for part in (request.uri.query ?? "").split(separator: "&") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      // As forms write it, a plus is a space.
      let texts = pair.map { $0.replacing("+", with: " ").removingPercentEncoding }
      guard let key = texts[0], let value = texts.count > 1 ? texts[1] : "" else {
        throw ServiceError(.invalid, "'\(part.prefix(64))' is not escaped as it should be")
      }
      guard known.contains(key) else {
        throw ServiceError(
          .invalid, "the parameter '\(key.prefix(64))' is not known here",
          hint: known.isEmpty
            ? "there are none" : "there are: \(known.sorted().joined(separator: ", "))")
      }
      guard values.updateValue(value, forKey: key) == nil else {
        throw ServiceError(.invalid, "\(key) is given twice")
      }
    }
  }

  /// - Returns: `nil` if it is not given.
  func text(_ key: String) throws(ServiceError) -> String? {
    guard let text = values[key] else { return nil }
    guard !text.isEmpty else { throw ServiceError(.invalid, "\(key) is empty") }
    return text
  }

  func number<Number: FixedWidthInteger>(
    _ key: String, in range: ClosedRange<Number>
  ) throws(ServiceError) -> Number? {
    guard let text = values[key] else { return nil }
    guard let number = Number(text), range.contains(number) else {
      throw ServiceError(
        .invalid,
        "\(key): '\(text.prefix(32))' is not a number from \(range.lowerBound) to "
          + "\(range.upperBound)")
    }
    return number
  }

  func id(_ key: String) throws(ServiceError) -> ItemID? {
    guard let text = values[key] else { return nil }
    do {
      return try Gateway.id(text)
    } catch {
      throw ServiceError(.invalid, "\(key): \(error.message)")
    }
  }
}
