import Synchronization
import ThumbprintCodes
import ThumbprintImages
import ThumbprintNets

/// Codes picture files with all networks of a model, on several threads, in little memory.
///
/// Files are taken in groups of a fixed number, in the order given, and coded together; so codes
/// depend on the list of files and not on threads or interruptions.
public struct PictureEncoder: Sendable {
  /// What became of a file.
  public enum Outcome: Sendable, Equatable {
    case coded(image: ImageCode, feature: FeatureCode)
    /// It could not be coded; why, in one line without the path.
    case refused(String)
  }

  public let model: Model
  public let search: CodeSearch?
  public let threadCount: Int
  /// What decoding a file may cost.
  public let limits: DecodingLimits

  /// Files that one worker codes together.
  public static let groupCount = 16

  /// - Parameter search: Made for the model's codec: look for better bits of image codes.
  public init(
    _ model: Model, search: CodeSearch? = nil, threadCount: Int,
    limits: DecodingLimits = DecodingLimits()
  ) {
    self.model = model
    self.search = search
    self.threadCount = max(1, threadCount)
    self.limits = limits
  }

  /// The shorter side, in pixels, that a JPEG is decoded at, at least: what the networks look at.
  var sideMin: Int { max(Thumbnails.side, model.features?.inputSide ?? 0) }

  /// Codes files.
  ///
  /// - Parameters:
  ///   - progress: Called with the number of files done so far, one call at a time, on any thread.
  ///     Returning `false` ends the work.
  /// - Returns: The outcomes in the order of the paths; `nil` if `progress` ended the work.
  public func encode(
    _ paths: ArraySlice<String>, progress: @Sendable (Int) -> Bool = { _ in true }
  ) -> [Outcome]? {
    let groups = (paths.count + Self.groupCount - 1) / Self.groupCount
    var outcomes = [Outcome](repeating: .refused("was not looked at"), count: paths.count)
    let state = Mutex((done: 0, isEnded: false))
    let workers = max(1, min(threadCount, groups))
    let next = Mutex(0)
    outcomes.withUnsafeMutableBufferPointer { outcomes in
      // Safe: each group's outcomes are written once, by the worker that took the group.
      nonisolated(unsafe) let outcomes = outcomes
      Parallel.forEach(workers, threadCount: workers) { _ in
        let features = model.features.map(FeatureCoder.init)
        while let group = next.withLock({ next -> Int? in
          defer { next += 1 }
          return next < groups ? next : nil
        }) {
          let range = group * Self.groupCount..<min(paths.count, (group + 1) * Self.groupCount)
          encode(paths, range, features, into: outcomes)
          let goesOn = state.withLock { state in
            state.done += range.count
            if !state.isEnded { state.isEnded = !progress(state.done) }
            return !state.isEnded
          }
          if !goesOn { return }
        }
      }
    }
    return state.withLock { $0.isEnded } ? nil : outcomes
  }

  private func encode(
    _ paths: ArraySlice<String>, _ range: Range<Int>, _ features: FeatureCoder?,
    into outcomes: UnsafeMutableBufferPointer<Outcome>
  ) {
    var thumbnails = Thumbnails()
    var coded: [(place: Int, feature: FeatureCode)] = []
    for place in range {
      do throws(ImagesError) {
        let picture = try PictureReader.read(
          path: paths[paths.startIndex + place], sideMin: sideMin, limits: limits)
        thumbnails.append(picture)
        coded.append((place, features?.encode(picture) ?? FeatureCode()))
      } catch {
        outcomes[place] = .refused(error.message)
      }
    }
    let images = model.codec.encode(thumbnails, search: search)
    for (number, entry) in coded.enumerated() {
      outcomes[entry.place] = .coded(image: images[number], feature: entry.feature)
    }
  }
}

extension FeatureNetwork {
  /// Rows and columns of the pictures that the network looks at.
  public var inputSide: Int { convolutions.description.side }
}
