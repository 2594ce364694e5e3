import Foundation
import Testing
import ThumbprintCoding
import ThumbprintImages
import ThumbprintNets

/// Feature codes from pictures of classes, by the program: trained, tuned, compared, used.
@Suite struct TrainFeaturesTests {
  private static let options = [
    "--convolutions", "c", "--hidden", "24", "--batch", "12", "--dropout", "0.2", "-q",
  ]

  /// A sandbox with six drawn objects as classes (`scenes`), small convolutions (`c`) and a codec.
  private static func sandbox() throws -> Sandbox {
    let sandbox = try Sandbox()
    try sandbox.succeed("scenes", "--out", "scenes", "--objects", "6", "--side", "32", "-q")
    let description = VGGDescription(
      side: 16, blocks: [[8], [16]], poolsLastBlock: true, preprocessing: .symmetric)
    try ConvolutionalPart(description, Network(description.convolutions, seed: 2)).write(
      to: sandbox.path("c"))
    try Codec(CodecSpec(outerChannels: 4, innerChannels: 4), seed: 1).write(
      to: sandbox.path("codec"))
    return sandbox
  }

  private static func train(
    _ sandbox: Sandbox, _ out: String, _ more: String...
  ) throws -> Running {
    try sandbox.start(["train", "features", "scenes", "--out", out] + options + more)
  }

  @Test func whatIsTrainedCanBeTunedComparedAndUsed() throws {
    let sandbox = try Self.sandbox()
    let run = try Self.train(
      sandbox, "f", "--steps", "60", "--validate", "scenes", "--log", "f.csv", "--plot", "f.png"
    ).outcome()
    #expect(run.status == 0, "\(run.errors)")
    let words = run.output.split(separator: " ")
    let share = try #require(words.first.flatMap { Double($0) })
    #expect(share > 50, "of six classes: \(run.output)")
    let rows = try String(contentsOfFile: sandbox.path("f.csv"), encoding: .utf8)
      .split(separator: "\n")
    #expect(rows.first == "step,loss,accuracy,validation" && rows.count == 21)
    #expect(try PictureReader.read(path: sandbox.path("f.png")).width == 800)
    let left = try FileManager.default.contentsOfDirectory(atPath: sandbox.folder.path)
    #expect(!left.contains { $0.contains("descriptors") || $0.contains("checkpoint") })

    try sandbox.succeed(
      "train", "finetune", "scenes", "--features", "f", "--codec", "codec", "--batch-groups", "4",
      "--steps", "3", "--out", "t", "-q")
    try sandbox.succeed(
      "evaluate", "figure6", "scenes", "--untuned", "f", "--tuned", "t", "--codec", "codec",
      "--out", "r", "-q")
    let table = try sandbox.succeed(
      "evaluate", "tradeoff", "scenes", "f", "t", "--codec", "codec", "--out", "r", "-q")
    #expect(table.output.contains("N-S"))
    try sandbox.succeed(
      "evaluate", "tradeoff", "scenes", "t", "--part", "all", "--hold-out", "3", "--codec",
      "codec", "--out", "r", "-q")
    for name in ["tradeoff.json", "tradeoff.md", "tradeoff.png", "figure6.md"] {
      #expect(FileManager.default.fileExists(atPath: sandbox.path("r/\(name)")), "\(name)")
    }
    try sandbox.succeed(
      "model", "pack", "--codec", "codec", "--features", "t", "--out", "m", "-q")
    try sandbox.succeed("encode", "scenes", "--out", "d", "--model", "m", "-q")
    // The model takes the place of both files, and of the convolutions.
    try sandbox.succeed(
      "evaluate", "figure6", "scenes", "--untuned", "f", "--tuned", "m", "--codec", "m",
      "--out", "r", "-q")
    try sandbox.succeed(
      "train", "finetune", "scenes", "--convolutions", "m", "--components", "4", "--codec", "m",
      "--steps", "0", "--out", "u", "-q")
  }

  @Test func aStoppedRunGoesOnToTheSameFile() throws {
    let sandbox = try Self.sandbox()
    let whole = try Self.train(sandbox, "whole", "--steps", "400").outcome()
    #expect(whole.status == 0, "\(whole.errors)")
    let stopped = try Self.train(sandbox, "f", "--steps", "400", "--log", "f.csv")
    while stopped.isRunning,
      (try? String(contentsOfFile: sandbox.path("f.csv"), encoding: .utf8))?
        .contains("\n40,") != true
    {
      usleep(1000)
    }
    stopped.send(signal: SIGINT)
    let outcome = try stopped.outcome()
    try #require(outcome.status == 130, "\(outcome)")
    #expect(FileManager.default.fileExists(atPath: sandbox.path("f.checkpoint")))
    let resumed = try Self.train(sandbox, "f", "--steps", "400", "--log", "f.csv").outcome()
    #expect(resumed.status == 0, "\(resumed.errors)")
    #expect(
      FileManager.default.contentsEqual(
        atPath: sandbox.path("whole"), andPath: sandbox.path("f")))
  }

  @Test func whatCannotBeTrainedIsRefused() throws {
    let sandbox = try Self.sandbox()
    let files = FileManager.default
    func refused(_ status: Int32, _ part: String, _ more: String...) throws {
      let outcome = try sandbox.start(
        ["train", "features", "set", "--out", "f"] + Self.options + more
      ).outcome()
      let lines = outcome.errors.split(separator: "\n")
      #expect(
        outcome.status == status && outcome.errors.contains(part)
          && lines.filter { !$0.hasPrefix("  hint: ") }.count == 1, "\(more): \(outcome)")
    }
    try refused(65, "'set': there is no such file or folder")
    try files.copyItem(
      atPath: sandbox.path("scenes/object-00000"), toPath: sandbox.path("set"))
    try refused(65, "is of no class: it lies beside the folders of the classes")
    try files.removeItem(atPath: sandbox.path("set"))
    try files.createDirectory(
      atPath: sandbox.path("set"), withIntermediateDirectories: true)
    try files.copyItem(
      atPath: sandbox.path("scenes/object-00000"), toPath: sandbox.path("set/a"))
    try refused(65, "'set': has one class")
    try files.copyItem(
      atPath: sandbox.path("scenes/object-00001"), toPath: sandbox.path("set/b"))
    try refused(65, "8 pictures are too few for steps of 12")
    try refused(65, "--validate: 'scenes/object-00000': is a class that", "--validate", "scenes")
    try refused(65, "--convolutions: 'c'", "--whole")
    try refused(64, "--pooling: 'cube' is not flat or pyramid", "--pooling", "cube")
    try refused(64, "--cache-limit: 0 is not in 1...1048576", "--cache-limit", "0")
    try sandbox.write(Array("no picture".utf8), to: "set/b/view-1.png")
    try refused(65, "set/b/view-1.png': ")
    try sandbox.write(
      Array(Data(contentsOf: URL(filePath: sandbox.path("c"))).prefix(999)), to: "c")
    try refused(65, "--convolutions: 'c': ")
    try sandbox.fail(
      64, "--convolutions, --features: one of them is needed", "train", "finetune", "scenes",
      "--codec", "codec", "--out", "t")
    try sandbox.fail(
      64, "--hidden: the network of --features has its own", "train", "finetune", "scenes",
      "--features", "f", "--hidden", "9", "--codec", "codec", "--out", "t")
    #expect(!files.fileExists(atPath: sandbox.path("f")))
  }
}
