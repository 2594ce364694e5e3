import ArgumentParser
import Foundation
import ThumbprintCoding

/// Which model codes and shows pictures.
struct ModelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Model file (default: $THUMBPRINT_MODEL, else the model that came with the program).",
      valueName: "file"),
    completion: .file())
  var model: String?

  static let variable = InstalledModel.variable

  /// The path of the model to use.
  ///
  /// - Throws: ``CommandError`` if none is given and none is where installations have it.
  func path() throws -> String {
    if let model { return model }
    if let path = ProcessInfo.processInfo.environment[Self.variable], !path.isEmpty { return path }
    if let found = InstalledModel.path { return found }
    throw CommandError(
      .usage, "--model: no model came with this program",
      hint: "give --model FILE or set \(Self.variable); looked at "
        + InstalledModel.places.joined(separator: ", ")
    )
  }

  /// Reads the model.
  func load() throws -> Model {
    let path = try path()
    let flag = model == nil ? Self.variable : "--model"
    return try CommandError.naming(flag) { try Model(path: path) }
  }
}
