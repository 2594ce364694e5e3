import Testing
import ThumbprintCoding
import ThumbprintImages

@Suite struct QualityTests {
  @Test func psnrFollowsItsDefinition() {
    let a = Picture(width: 4, height: 4, red: 100, green: 100, blue: 100)
    let b = Picture(width: 4, height: 4, red: 110, green: 90, blue: 100)
    // The mean squared error is 200 / 3.
    #expect(abs(PictureQuality.psnr(a, b) - 29.8916) < 1e-3)
    #expect(PictureQuality.psnr(a, a) == PictureQuality.psnrMax)
  }

  @Test func thumbnailsKeepTheirPictures() {
    let pictures = thumbnails(3, seed: 1)
    var copies = Thumbnails()
    for i in 0..<3 { copies.append(pictures[i]) }
    for i in 0..<3 { #expect(copies[i] == pictures[i]) }
    var large = Thumbnails()
    large.append(pictures[0].resized(width: 96, height: 64, filter: .area))
    #expect(large.count == 1 && large[0].width == 32)
    #expect(PictureQuality.psnr(large[0], pictures[0]) > 20)
  }
}
