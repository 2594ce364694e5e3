// The only file of this module that talks to Yams.

import Foundation
import Yams

/// A setting that is missing, unknown or not what it should be: one line.
public struct SettingsError: Error, Sendable, Hashable, CustomStringConvertible {
  public var message: String
  public var hint: String?

  public init(_ message: String, hint: String? = nil) {
    self.message = message
    self.hint = hint
  }

  public var description: String { message }
}

/// Where a setting comes from: the flag, else the environment, else a file.
///
/// The flag `--listen` is the variable `THUMBPRINT_LISTEN` and the key `listen` of the file; dashes of a
/// flag are underscores of a variable and stay in a key.
public struct SettingsSource: Sendable {
  private let environment: [String: String]
  private let file: [String: String]
  private let path: String?

  /// - Parameters:
  ///   - path: A YAML file of keys and plain values; `nil` for `THUMBPRINT_CONFIG`, if that is set.
  ///   - keys: The keys that the file may have.
  /// - Throws: ``SettingsError`` for a file that cannot be read, is no such file, or has other keys.
  public init(
    path: String?, keys: Set<String>,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(SettingsError) {
    self.environment = environment
    let path = path ?? environment["THUMBPRINT_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
    self.path = path
    file = try path.map { path throws(SettingsError) in try Self.read(path, keys: keys) } ?? [:]
  }

  private static func read(
    _ path: String, keys: Set<String>
  ) throws(SettingsError) -> [String: String] {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw SettingsError("\(path): cannot be read as text")
    }
    guard text.utf8.count <= 1 << 20 else {
      throw SettingsError("\(path): has more than 1048576 bytes")
    }
    let node: Node?
    do {
      node = try Yams.compose(yaml: text)
    } catch {
      let line = "\(error)".split(separator: "\n").first.map(String.init) ?? "no reason given"
      throw SettingsError("\(path): is not YAML: \(line)")
    }
    guard let node else { return [:] }
    guard let mapping = node.mapping else {
      throw SettingsError("\(path): has to be keys and values", hint: "listen: 127.0.0.1:7700")
    }
    var values: [String: String] = [:]
    for (key, value) in mapping {
      guard let key = key.string, keys.contains(key) else {
        throw SettingsError(
          "\(path): there is no setting '\(key.string ?? "?")'",
          hint: "there are: \(keys.sorted().joined(separator: ", "))")
      }
      guard let scalar = value.scalar else {
        throw SettingsError("\(path): \(key): has to be a plain value")
      }
      values[key] = scalar.string
    }
    return values
  }

  /// The value of a setting and where it was found, for messages; `nil` if it is nowhere.
  public func value(_ key: String, flag: String?) -> (text: String, place: String)? {
    if let flag { return (flag, "--\(key)") }
    let variable = "THUMBPRINT_" + key.uppercased().replacingOccurrences(of: "-", with: "_")
    if let text = environment[variable], !text.isEmpty { return (text, variable) }
    if let text = file[key], let path { return (text, "\(path): \(key)") }
    return nil
  }

  /// A setting that has a meaning.
  ///
  /// - Throws: ``SettingsError`` naming the place and what was expected.
  public func value<Value>(
    _ key: String, flag: String?, expected: String, _ read: (String) -> Value?
  ) throws(SettingsError) -> Value? {
    guard let (text, place) = value(key, flag: flag) else { return nil }
    guard let value = read(text) else {
      throw SettingsError("\(place): '\(text)' is not \(expected)")
    }
    return value
  }

  /// A setting that has to be there.
  public func required<Value>(
    _ key: String, flag: String?, expected: String, _ read: (String) -> Value?
  ) throws(SettingsError) -> Value {
    guard let value = try value(key, flag: flag, expected: expected, read) else {
      throw SettingsError(
        "--\(key) is missing",
        hint: "give \(expected), by the flag, by THUMBPRINT_"
          + key.uppercased().replacingOccurrences(of: "-", with: "_") + ", or in the --config file")
    }
    return value
  }
}
