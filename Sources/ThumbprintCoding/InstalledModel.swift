import Foundation

/// Where programs find a model that nobody named.
public enum InstalledModel {
  /// The environment variable that names one.
  public static let variable = "THUMBPRINT_MODEL"
  public static let fileName = "thumbprint.safetensors"

  /// Where the model of an installation lies: beside the program, in the folder of resources that a
  /// build puts there, or under `share` beside the program's `bin`.
  public static var places: [String] {
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

  /// The path of the model of this installation; `nil` if there is none.
  public static var path: String? {
    places.first(where: FileManager.default.fileExists)
  }
}
