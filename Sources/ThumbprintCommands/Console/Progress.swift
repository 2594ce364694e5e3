import Dispatch
import Foundation

/// Shows how far long work is, on standard error: one line drawn again and again on a terminal,
/// a line every few seconds elsewhere, nothing when the user wants it quiet.
final class Progress {
  private enum Style {
    case redrawn
    case lines
    case silent
  }

  private let style: Style
  private let label: String
  private var meter: ProgressMeter
  private var isLineOpen = false
  private let start = Progress.now

  /// - Parameters:
  ///   - label: What is being done: "load".
  ///   - noun: What `total` counts, in the plural.
  init(_ label: String, total: Int, noun: String, quiet: Bool) {
    self.label = label
    style = quiet ? .silent : Console.isTerminal ? .redrawn : .lines
    meter = ProgressMeter(
      total: total, noun: noun, interval: style == .redrawn ? 0.1 : 5, now: start)
  }

  /// Notes that `done` of the total are done, and shows it when it is time to.
  ///
  /// - Parameters:
  ///   - total: In place of the total so far, for work that finds out as it goes.
  ///   - detail: Shown behind the count: how well the work goes.
  func moved(to done: Int, of total: Int? = nil, phase: String? = nil, detail: String? = nil) {
    if let total { meter.total = total }
    guard style != .silent,
      let text = meter.moved(to: done, phase: phase, detail: detail, now: Self.now)
    else { return }
    switch style {
    case .redrawn:
      let line = Text.prefix(
        of: "\(label): \(text)", columnMax: max(Console.progressColumnCount - 1, 20))
      Console.note("\r\u{1B}[K\(line)", newline: false)
      isLineOpen = true
    case .lines: Console.note("\(label): \(text)")
    case .silent: break
    }
  }

  /// Takes away the line that was drawn; what comes next stands in its place.
  func finish() {
    guard isLineOpen else { return }
    Console.note("\r\u{1B}[K", newline: false)
    isLineOpen = false
  }

  /// Seconds since the start.
  var elapsed: Double { Self.now - start }

  /// Seconds on a clock that never goes back.
  static var now: Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }
}
