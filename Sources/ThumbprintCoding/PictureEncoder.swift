import Foundation
import Synchronization
import ThumbprintCodes
import ThumbprintImages
import ThumbprintNets

/// Codes picture files with all networks of a model, on several threads, in little memory.
///
/// Files are taken in groups of a fixed number, in the order given, and coded together; the code of a
/// picture depends neither on the others nor on threads or interruptions.
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
    var outcomes: [Outcome] = []
    // The block never throws.
    let isWhole = try? encode(paths, blockCount: max(1, paths.count), progress: progress) {
      outcomes += $0
    }
    return isWhole == true ? outcomes : nil
  }

  /// Codes files and hands out what became of them block by block while the work goes on.
  ///
  /// Memory is that of a few groups and of a block, however many files there are.
  ///
  /// - Parameters:
  ///   - blockCount: The fewest outcomes of a block, but for the last.
  ///   - progress: As ``encode(_:progress:)``.
  ///   - block: Takes outcomes in the order of the paths, one call at a time, on any thread. If it
  ///     throws, the work ends.
  /// - Returns: Whether all files were done; `false` if `progress` ended the work. Then too the
  ///   files up to the first one that was not done have been handed out.
  public func encode(
    _ paths: ArraySlice<String>, blockCount: Int, progress: @Sendable (Int) -> Bool = { _ in true },
    block: ([Outcome]) throws -> Void
  ) throws -> Bool {
    let groups = (paths.count + Self.groupCount - 1) / Self.groupCount
    let workers = max(1, min(threadCount, groups))
    let files = FilePrefetch(
      paths, groupCount: Self.groupCount, byteCountMax: limits.fileByteCountMax, ahead: workers + 1)
    // A thread of its own, as it mostly waits.
    Thread { files.read() }.start()
    return try withoutActuallyEscaping(block) { block in
      // Safe: changed under the lock alone.
      nonisolated(unsafe) var sequence = OutcomeSequence(blockCount: blockCount, block: block)
      let lock = Mutex(())
      Parallel.forEach(workers, threadCount: workers) { _ in
        let coder = GroupCoder(self)
        while let group = files.next() {
          let outcomes = coder.encode(group)
          let goesOn = lock.withLock { _ in sequence.add(outcomes, of: group.number, progress) }
          if !goesOn { files.stop() }
        }
      }
      return try sequence.finish()
    }
  }
}

/// Puts the outcomes of groups, which come in any order, in order.
private struct OutcomeSequence {
  let blockCount: Int
  let block: ([PictureEncoder.Outcome]) throws -> Void
  private var waiting: [Int: [PictureEncoder.Outcome]] = [:]
  private var next = 0
  private var ready: [PictureEncoder.Outcome] = []
  private var doneCount = 0
  private var isEnded = false
  private var failure: (any Error)?

  init(blockCount: Int, block: @escaping ([PictureEncoder.Outcome]) throws -> Void) {
    self.blockCount = blockCount
    self.block = block
  }

  /// Whether the work goes on.
  mutating func add(
    _ outcomes: [PictureEncoder.Outcome], of group: Int, _ progress: (Int) -> Bool
  ) -> Bool {
    waiting[group] = outcomes
    doneCount += outcomes.count
    while let outcomes = waiting.removeValue(forKey: next) {
      ready += outcomes
      next += 1
    }
    if ready.count >= blockCount { handOut() }
    if !isEnded { isEnded = !progress(doneCount) }
    return !isEnded && failure == nil
  }

  private mutating func handOut() {
    guard failure == nil, !ready.isEmpty else { return }
    do { try block(ready) } catch { failure = error }
    ready.removeAll(keepingCapacity: true)
  }

  /// Hands out the rest; whether nothing ended the work.
  mutating func finish() throws -> Bool {
    handOut()
    if let failure { throw failure }
    return !isEnded
  }
}

/// The memory in which one worker codes groups of files.
private struct GroupCoder {
  private let encoder: PictureEncoder
  private let features: FeatureCoder?

  init(_ encoder: PictureEncoder) {
    self.encoder = encoder
    features = encoder.model.features.map {
      FeatureCoder(
        $0, imageCountMax: min($0.convolutions.sliceImageCount, PictureEncoder.groupCount))
    }
  }

  func encode(_ group: FileGroup) -> [PictureEncoder.Outcome] {
    var thumbnails = Thumbnails()
    var places: [Int] = []
    var pictures: [Picture] = []
    var outcomes = [PictureEncoder.Outcome](
      repeating: .refused("was not looked at"), count: group.files.count)
    for (place, file) in group.files.enumerated() {
      do throws(ImagesError) {
        let picture = try file.decode(sideMin: encoder.sideMin, limits: encoder.limits)
        thumbnails.append(picture)
        places.append(place)
        if let features { pictures.append(features.sized(picture)) }
      } catch {
        outcomes[place] = .refused(error.message)
      }
    }
    let images = encoder.model.codec.encode(thumbnails, search: encoder.search)
    let codes = encode(pictures)
    for (number, place) in places.enumerated() {
      outcomes[place] = .coded(
        image: images[number], feature: codes.isEmpty ? FeatureCode() : codes[number])
    }
    return outcomes
  }

  private func encode(_ pictures: [Picture]) -> [FeatureCode] {
    guard let features else { return [] }
    var codes: [FeatureCode] = []
    for start in stride(from: 0, to: pictures.count, by: features.imageCountMax) {
      let slice = pictures[start..<min(pictures.count, start + features.imageCountMax)]
      for (place, picture) in slice.enumerated() {
        features.put(picture, at: place, of: slice.count)
      }
      codes += features.encode(imageCount: slice.count)
    }
    return codes
  }
}

extension FeatureNetwork {
  /// Rows and columns of the pictures that the network looks at.
  public var inputSide: Int { convolutions.description.side }
}
