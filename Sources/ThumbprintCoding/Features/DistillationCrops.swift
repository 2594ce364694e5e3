import Synchronization
import ThumbprintImages
import ThumbprintNets

/// Crops of photographs and what the teacher makes of them.
struct DistillationCrops: Sendable {
  let pictures: [Picture]
  /// Crop by crop, C × H × W as the student gives it; each channel's mean square over all is 1.
  private let targets: [Float]
  private let shape: FeatureShape

  /// - Parameter target: The shape of what the student gives; the teacher's answers are averaged
  ///   down to its rows and columns.
  init(
    _ photographs: [Picture], teacher: ConvolutionalPart, target shape: FeatureShape, count: Int,
    seed: UInt64, threadCount: Int, progress: (Int) -> Void
  ) throws {
    self.shape = shape
    let side = teacher.description.side
    var pictures = [Picture](
      repeating: Picture(width: 1, height: 1, red: 0, green: 0, blue: 0), count: count)
    var targets = [Float](repeating: 0, count: count * shape.count)
    let failure = Mutex<ImagesError?>(nil)
    let done = Mutex(0)
    pictures.withUnsafeMutableBufferPointer { pictures in
      targets.withUnsafeMutableBufferPointer { targets in
        // Safe: each crop's picture is cut once, by the worker that then writes its targets, and
        // `done` lets one thread at a time report.
        nonisolated(unsafe) let (pictures, targets, progress) = (pictures, targets, progress)
        teacher.forEachSlice(
          count, threadCount: threadCount,
          picture: { index in
            do throws(ImagesError) {
              pictures[index] = try Self.cut(photographs, crop: index, side: side, seed: seed)
            } catch {
              failure.withLock { $0 = error }
            }
            return pictures[index]
          },
          { range, activations in
            for (place, index) in range.enumerated() {
              Self.average(
                activations, teacher.output, place: place, imageCount: range.count, shape,
                into: targets.baseAddress! + index * shape.count)
            }
            done.withLock {
              $0 += range.count
              progress($0)
            }
          })
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
    Self.normalize(&targets, shape)
    self.pictures = pictures
    self.targets = targets
  }

  /// A view of a photograph, of one of four strengths.
  private static func cut(
    _ photographs: [Picture], crop: Int, side: Int, seed: UInt64
  ) throws(ImagesError) -> Picture {
    let number = crop % photographs.count
    let generator = ViewGenerator(strength: Double(1 + crop / photographs.count % 4) / 4)
    let photograph = photographs[number]
    let isScaled =
      min(photograph.width, photograph.height) == ViewGenerator.photographSide
    let view = try generator.view(
      of: isScaled ? photograph : ViewGenerator.scaled(photograph), seed: seed ^ 0xD157,
      photograph: number, view: crop / photographs.count)
    return view.resized(width: side, height: side, filter: .area)
  }

  /// Averages one image's activations down to fewer rows and columns.
  private static func average(
    _ x: UnsafePointer<Float>, _ from: FeatureShape, place: Int, imageCount: Int,
    _ to: FeatureShape, into target: UnsafeMutablePointer<Float>
  ) {
    let (down, across) = (from.height / to.height, from.width / to.width)
    let scale = 1 / Float(down * across)
    for channel in 0..<to.channels {
      let plane = x + (channel * imageCount + place) * from.planeCount
      for row in 0..<to.height {
        for column in 0..<to.width {
          var sum: Float = 0
          for y in 0..<down {
            let line = plane + (row * down + y) * from.width + column * across
            for x in 0..<across { sum += line[x] }
          }
          target[(channel * to.height + row) * to.width + column] = sum * scale
        }
      }
    }
  }

  /// Scales every channel to a mean square of 1, so that all count alike.
  private static func normalize(_ targets: inout [Float], _ shape: FeatureShape) {
    let count = targets.count / shape.count
    targets.withUnsafeMutableBufferPointer { targets in
      for channel in 0..<shape.channels {
        var sum = 0.0
        for crop in 0..<count {
          let start = crop * shape.count + channel * shape.planeCount
          for i in start..<start + shape.planeCount { sum += Double(targets[i] * targets[i]) }
        }
        let mean = sum / Double(count * shape.planeCount)
        let scale = mean > 1e-12 ? Float(1 / mean.squareRoot()) : 0
        for crop in 0..<count {
          let start = crop * shape.count + channel * shape.planeCount
          for i in start..<start + shape.planeCount { targets[i] *= scale }
        }
      }
    }
  }

  /// The squared error of answers (CNHW) as a share of the batch's values, and its gradient.
  func compare(
    _ answers: UnsafePointer<Float>, with crops: ArraySlice<Int>, batchCount: Int,
    slope: UnsafeMutablePointer<Float>
  ) -> Double {
    let scale = 1 / Float(batchCount * shape.count)
    var error = 0.0
    targets.withUnsafeBufferPointer { targets in
      for (place, crop) in crops.enumerated() {
        for channel in 0..<shape.channels {
          let start = (channel * crops.count + place) * shape.planeCount
          let wanted = targets.baseAddress! + crop * shape.count + channel * shape.planeCount
          var sum: Float = 0
          for i in 0..<shape.planeCount {
            let difference = answers[start + i] - wanted[i]
            sum += difference * difference
            slope[start + i] = 2 * scale * difference
          }
          error += Double(sum)
        }
      }
    }
    return error * Double(scale)
  }
}
