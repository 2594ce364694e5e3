/// A range of numbers with round ticks, laid onto pixels.
struct PlotAxis {
  let low: Double
  let high: Double
  let ticks: [Double]
  private let decimals: Int

  /// An axis that shows all of `values`.
  ///
  /// - Parameter includesZero: Whether it begins at 0, as bars need.
  init(_ values: [Double], includesZero: Bool = false) {
    let finite = values.filter(\.isFinite) + (includesZero ? [0] : [])
    var (low, high) = (finite.min() ?? 0, finite.max() ?? 1)
    if high - low < 1e-9 * max(1, low.magnitude) {
      low -= 0.5
      high += 0.5
    }
    let step = Self.step(for: (high - low) / 5)
    let first = (low / step).rounded(.down)
    let last = (high / step).rounded(.up)
    ticks = (0...Int(last - first)).map { (first + Double($0)) * step }
    self.low = first * step
    self.high = last * step
    var decimals = 0
    var unit = step
    while unit < 0.999, decimals < 6 {
      unit *= 10
      decimals += 1
    }
    self.decimals = decimals
  }

  /// 1, 2 or 5 times a power of ten, at least `size`.
  private static func step(for size: Double) -> Double {
    var power = 1.0
    while power > size { power /= 10 }
    while power * 10 <= size { power *= 10 }
    return [1, 2, 5, 10].map { $0 * power }.first { $0 >= size } ?? 10 * power
  }

  /// `0...1` along the axis.
  func share(_ value: Double) -> Double { (value - low) / (high - low) }

  /// A tick as text.
  func label(_ tick: Double) -> String { Self.text(tick, decimals: decimals) }

  /// A number with a fixed number of decimals.
  static func text(_ number: Double, decimals: Int) -> String {
    guard number.isFinite, number.magnitude < 1e12 else { return "-" }
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let scaled = Int((number.magnitude * scale).rounded())
    let sign = number < 0 && scaled > 0 ? "-" : ""
    guard decimals > 0 else { return "\(sign)\(scaled)" }
    let fraction = String(scaled % Int(scale))
    let zeros = String(repeating: "0", count: decimals - fraction.count)
    return "\(sign)\(scaled / Int(scale)).\(zeros)\(fraction)"
  }
}

/// The frame that all plots share: title, ticks, grid, labels.
struct PlotFrame {
  static let scale = 2
  let width: Int
  let height: Int
  let left = 90
  let right = 20
  let top = 50
  let bottom: Int
  var canvas: Canvas

  init(width: Int, height: Int, bottom: Int = 60, title: String) {
    self.width = width
    self.height = height
    self.bottom = bottom
    canvas = Canvas(width: width, height: height)
    canvas.text(title, left: left, top: 16, scale: Self.scale)
  }

  var plotWidth: Int { width - left - right }
  var plotHeight: Int { height - top - bottom }

  func row(_ value: Double, _ axis: PlotAxis) -> Int {
    top + plotHeight - Int((axis.share(value) * Double(plotHeight)).rounded())
  }

  func column(_ value: Double, _ axis: PlotAxis) -> Int {
    left + Int((axis.share(value) * Double(plotWidth)).rounded())
  }

  /// Ticks with lines across the plot, and the label above the axis.
  mutating func drawVertical(_ axis: PlotAxis, label: String) {
    for tick in axis.ticks {
      let row = row(tick, axis)
      canvas.line(from: (left, row), to: (width - right, row), .grid)
      let text = axis.label(tick)
      canvas.text(
        text, left: left - 8 - Canvas.width(of: text, scale: Self.scale), top: row - 7,
        scale: Self.scale)
    }
    canvas.line(from: (left, top), to: (left, height - bottom), .black)
    canvas.text(label, left: left, top: top - 12, Color(90, 90, 90))
  }

  mutating func drawHorizontal(_ axis: PlotAxis, label: String) {
    for tick in axis.ticks {
      let column = column(tick, axis)
      canvas.line(from: (column, height - bottom), to: (column, height - bottom + 5), .black)
      let text = axis.label(tick)
      canvas.text(
        text, left: column - Canvas.width(of: text, scale: Self.scale) / 2,
        top: height - bottom + 9, scale: Self.scale)
    }
    canvas.line(from: (left, height - bottom), to: (width - right, height - bottom), .black)
    canvas.text(
      label, left: width - right - Canvas.width(of: label, scale: Self.scale),
      top: height - 22, Color(90, 90, 90), scale: Self.scale)
  }

  /// Names of series with their colours, from the right.
  mutating func drawLegend(_ names: [String]) {
    var right = width - self.right
    for (number, name) in names.enumerated().reversed() {
      right -= Canvas.width(of: name, scale: Self.scale)
      canvas.text(name, left: right, top: 16, scale: Self.scale)
      right -= 20
      canvas.fill(
        columns: right..<right + 14, rows: 16..<30, Color.series[number % Color.series.count])
      right -= 16
    }
  }
}
