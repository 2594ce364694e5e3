import Foundation
import Testing
import ThumbprintCoding
import ThumbprintImages
import ThumbprintNets

@Suite struct ViewTests {
  @Test func viewsAreAFunctionOfTheirNumbers() throws {
    let photograph = ViewGenerator.scaled(thumbnails(1, seed: 1)[0])
    #expect(min(photograph.width, photograph.height) == ViewGenerator.photographSide)
    let generator = ViewGenerator.mild
    let one = try generator.jpeg(of: photograph, seed: 1, photograph: 2, view: 3)
    #expect(try generator.jpeg(of: photograph, seed: 1, photograph: 2, view: 3) == one)
    for other in [
      try generator.jpeg(of: photograph, seed: 2, photograph: 2, view: 3),
      try generator.jpeg(of: photograph, seed: 1, photograph: 3, view: 3),
      try generator.jpeg(of: photograph, seed: 1, photograph: 2, view: 2),
      try ViewGenerator.hard.jpeg(of: photograph, seed: 1, photograph: 2, view: 3),
    ] { #expect(other != one) }
    let picture = try PictureReader.decode(one)
    #expect(picture.width == ViewGenerator.side && picture.height == ViewGenerator.side)
  }

  @Test func withoutStrengthAViewShowsTheMiddle() throws {
    let photograph = ViewGenerator.scaled(thumbnails(1, seed: 2)[0])
    // Of two views, one may have noise of strength 0: none.
    for view in 0..<3 {
      let shown = try ViewGenerator(strength: 0).view(
        of: photograph, seed: 1, photograph: 0, view: view)
      let plain = photograph.resized(
        width: ViewGenerator.side, height: ViewGenerator.side, filter: .area)
      let error = zip(shown.pixels, plain.pixels).reduce(0.0) {
        $0 + abs(Double($1.0) - Double($1.1))
      }
      #expect(error / Double(plain.pixels.count) < 4)
    }
  }

  @Test func aPerspectiveMapsTheCornersOfTheSquare() {
    let corners = [(x: 3.0, y: 1.0), (x: 9, y: 2), (x: 8, y: 11), (x: 1, y: 7)]
    let map = Perspective(corners)
    for (place, corner) in zip([(0.0, 0.0), (1, 0), (1, 1), (0, 1)], corners) {
      let found = map(place.0, place.1)
      #expect(abs(found.x - corner.x) < 1e-9 && abs(found.y - corner.y) < 1e-9)
    }
    // Straight lines stay straight: the diagonals meet where they met.
    let middle = map(0.5, 0.5)
    let (a, b) = (corners[0], corners[2])
    let side = (b.x - a.x) * (middle.y - a.y) - (b.y - a.y) * (middle.x - a.x)
    #expect(abs(side) < 1e-9)
  }

  @Test func groupsAreFoldersOrFourInARow() throws {
    let picture = try thumbnails(1, seed: 3)[0].png()
    func write(_ names: [String], to folder: String) throws {
      for name in names {
        let path = folder + "/" + name
        try FileManager.default.createDirectory(
          atPath: URL(filePath: path).deletingLastPathComponent().path,
          withIntermediateDirectories: true)
        try Data(picture).write(to: URL(filePath: path))
      }
    }
    try withTemporaryFolder { folder in
      try write(
        (0..<8).map { "u/ukbench0000\($0).png" } + ["u/.hidden.png", "u/x.txt"], to: folder)
      let ukbench = try PictureGroups(folder: folder + "/u")
      #expect(ukbench.groups == [0, 0, 0, 0, 1, 1, 1, 1] && ukbench.count == 2)
      #expect(ukbench.indices(of: .odd) == [4, 5, 6, 7])

      try write(["f/b/2.png", "f/b/1.PNG", "f/a/x.png", "f/a/deep/y.png"], to: folder)
      let folders = try PictureGroups(folder: folder + "/f/")
      #expect(folders.groups == [0, 1, 2, 2])
      #expect(folders.paths[0].hasSuffix("f/a/deep/y.png"))

      func refusal(_ name: String) -> String {
        do throws(CodingError) {
          _ = try PictureGroups(folder: folder + "/" + name)
          return "accepted"
        } catch {
          return error.description
        }
      }
      try write(["f/stray.png"], to: folder)
      #expect(refusal("f").contains("stray.png': is in no group"))
      try write(["u/ukbench00010.png"], to: folder)
      #expect(refusal("u").contains("number 8 is missing"))
      try write(["n/cat.png"], to: folder)
      #expect(refusal("n").contains("cat.png': has no name of UKBench's kind"))
      #expect(refusal("nothing").contains("there is no such file or folder"))
      try FileManager.default.createDirectory(
        atPath: folder + "/empty", withIntermediateDirectories: true)
      #expect(refusal("empty").contains("no PNG or JPEG"))
    }
  }
}
