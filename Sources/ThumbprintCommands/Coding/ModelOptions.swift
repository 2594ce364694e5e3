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

  static let variable = "THUMBPRINT_MODEL"
  static let fileName = "thumbprint.safetensors"

  /// The path of the model to use.
  ///
  /// - Throws: ``CommandError`` if none is given and none is where installations have it.
  func path() throws -> String {
    if let model { return model }
    if let path = ProcessInfo.processInfo.environment[Self.variable], !path.isEmpty { return path }
    let places = Self.installedPlaces
    if let found = places.first(where: FileManager.default.fileExists) { return found }
    throw CommandError(
      .usage, "--model: no model came with this program",
      hint: "give --model FILE or set \(Self.variable); looked at \(places.joined(separator: ", "))"
    )
  }

  /// Reads the model.
  func load() throws -> Model {
    let path = try path()
    let flag = model == nil ? Self.variable : "--model"
    return try CommandError.naming(flag) { try Model(path: path) }
  }

  /// Where the model of an installation lies: beside the program, in the folder of resources that a
  /// build puts there, or under `share` beside the program's `bin`.
  static var installedPlaces: [String] {
    let program =
      Bundle.main.executableURL?.resolvingSymlinksInPath()
      ?? URL(filePath: CommandLine.arguments[0])
    let folder = program.deletingLastPathComponent()
    return [
      folder.appending(path: fileName),
      folder.appending(path: "thumbprint_ThumbprintCoding.resources/\(fileName)"),
      folder.deletingLastPathComponent().appending(path: "share/thumbprint/\(fileName)"),
    ].map(\.path)
  }
}
