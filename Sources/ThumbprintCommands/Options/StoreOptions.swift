import ArgumentParser
import Foundation

/// Where the collections are.
struct StoreOptions: ParsableArguments {
  /// The environment variable that names the store when no flag does.
  static let variable = "THUMBPRINT_STORE"
  /// The folder used when neither says: in the current folder, so that nothing is ever hidden.
  static let standard = "thumbprint-store"

  @Option(
    help: ArgumentHelp(
      "Folder of the store (default: $\(Self.variable), else \(Self.standard)).",
      valueName: "dir"),
    completion: .directory)
  var store: String?

  mutating func validate() throws {
    if let store, store.isEmpty { throw ValidationError("--store: the folder has no name") }
  }

  var path: String {
    store ?? Self.named ?? Self.standard
  }

  /// What the variable says; `nil` if it is not set, or empty.
  static var named: String? {
    let text = ProcessInfo.processInfo.environment[variable] ?? ""
    return text.isEmpty ? nil : text
  }
}
