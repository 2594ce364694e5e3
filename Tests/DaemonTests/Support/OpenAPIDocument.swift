import Foundation
import Testing
import Yams

/// The description of the API that the project publishes.
struct OpenAPIDocument {
  private let root: [String: Any]

  init() throws {
    let text = try Self.text(of: "Sources/ThumbprintGateway/openapi.yaml")
    root = try #require(try Yams.load(yaml: text) as? [String: Any])
  }

  /// A file of the project.
  static func text(of path: String) throws -> String {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    return try String(contentsOf: folder.appending(path: path), encoding: .utf8)
  }

  var paths: [String: [String: Any]] {
    get throws { try #require(root["paths"] as? [String: [String: Any]]) }
  }

  /// What of an answer is not as its schema says; empty if all is.
  ///
  /// Answers are held to more than the schema asks: they have no key that it does not name.
  func problems(of value: Any, as schema: String) throws -> [String] {
    try problems(of: value, ["$ref": "#/components/schemas/\(schema)"], at: schema)
  }

  private func problems(of value: Any, _ schema: [String: Any], at place: String) throws -> [String]
  {
    if let reference = schema["$ref"] as? String {
      let name = try #require(reference.split(separator: "/").last.map(String.init))
      let schemas = (root["components"] as? [String: Any])?["schemas"] as? [String: Any]
      let target = try #require(schemas?[name] as? [String: Any], "\(reference)")
      return try problems(of: value, target, at: place)
    }
    switch schema["type"] as? String {
    case "object": return try objectProblems(of: value, schema, at: place)
    case "array":
      guard let values = value as? [Any], let items = schema["items"] as? [String: Any] else {
        return ["\(place) is no array"]
      }
      return try values.flatMap { try problems(of: $0, items, at: "\(place)[]") }
    case "string":
      guard let text = value as? String else { return ["\(place) is no text"] }
      guard let pattern = schema["pattern"] as? String else { return [] }
      return try text.contains(Regex(pattern)) ? [] : ["\(place): '\(text)' is not \(pattern)"]
    case "integer": return value is Int || value is UInt64 ? [] : ["\(place) is no integer"]
    case "number": return value is Double || value is Int ? [] : ["\(place) is no number"]
    case "boolean": return value is Bool ? [] : ["\(place) is neither true nor false"]
    case let other: return ["\(place): the schema has the type \(other ?? "nothing")"]
    }
  }

  private func objectProblems(
    of value: Any, _ schema: [String: Any], at place: String
  ) throws -> [String] {
    guard let object = value as? [String: Any] else { return ["\(place) is no object"] }
    let properties = schema["properties"] as? [String: [String: Any]] ?? [:]
    let others = schema["additionalProperties"] as? [String: Any]
    let required = schema["required"] as? [String] ?? []
    var found = required.filter { object[$0] == nil }.map { "\(place) lacks '\($0)'" }
    for (key, value) in object {
      if let property = properties[key] ?? others {
        found += try problems(of: value, property, at: "\(place).\(key)")
      } else {
        found.append("\(place) has '\(key)', which is not documented")
      }
    }
    return found
  }
}
