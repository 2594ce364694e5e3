import ThumbprintCoding
import ThumbprintImages
import ThumbprintNets

extension CommandError {
  /// An error of networks, pictures or coding; `nil` if it is none.
  static func coding(_ error: any Error) -> CommandError? {
    switch error {
    case let error as NetsError:
      CommandError(
        error.code == .io ? .inputOutput : .badData, error.description,
        cause: "networks error '\(error.code)'")
    case let error as ImagesError:
      CommandError(
        error.code == .io ? .inputOutput : .badData, error.description,
        cause: "pictures error '\(error.code)'")
    case let error as CodingError:
      CommandError(
        error.code == .invalidRecipe ? .usage : .badData, error.description,
        cause: "coding error '\(error.code)'")
    default: nil
    }
  }
}
