/// Groups of bars, as a picture.
public struct BarPlot: Sendable {
  public let title: String
  public let vertical: String
  /// The names of the bars of each group, which share colours.
  public let series: [String]
  private var groups: [(name: String, values: [Double])] = []

  public init(title: String, vertical: String, series: [String]) {
    precondition(!series.isEmpty, "a group has bars")
    self.title = title
    self.vertical = vertical
    self.series = series
  }

  /// Adds a group with one value for each of ``series``; one that is not finite has no bar.
  public mutating func add(_ name: String, _ values: [Double]) {
    precondition(values.count == series.count, "\(values.count) values, \(series.count) bars")
    groups.append((name, values))
  }

  /// The plot, 800×480 pixels by default; values stand above the bars.
  public func draw(width: Int = 800, height: Int = 480) -> Picture {
    var frame = PlotFrame(width: width, height: height, bottom: 40, title: title)
    let axis = PlotAxis(groups.flatMap(\.values), includesZero: true)
    frame.drawVertical(axis, label: vertical)
    let groupWidth = frame.plotWidth / max(1, groups.count)
    let barWidth = max(2, groupWidth * 8 / 10 / series.count)
    for (place, group) in groups.enumerated() {
      let start = frame.left + place * groupWidth + (groupWidth - barWidth * series.count) / 2
      for (number, value) in group.values.enumerated() where value.isFinite {
        let left = start + number * barWidth
        let (row, zero) = (frame.row(value, axis), frame.row(0, axis))
        frame.canvas.fill(
          columns: left..<left + max(1, barWidth - 2),
          rows: min(row, zero)..<max(row, zero) + 1, Color.series[number % Color.series.count])
        let text = PlotAxis.text(value, decimals: 2)
        frame.canvas.text(
          text, left: left + (barWidth - Canvas.width(of: text)) / 2, top: min(row, zero) - 10)
      }
      let scale =
        Canvas.width(of: group.name, scale: PlotFrame.scale) <= groupWidth ? PlotFrame.scale : 1
      frame.canvas.text(
        group.name,
        left: frame.left + place * groupWidth
          + (groupWidth - Canvas.width(of: group.name, scale: scale)) / 2,
        top: height - 28, scale: scale)
    }
    frame.canvas.line(
      from: (frame.left, frame.row(0, axis)), to: (width - frame.right, frame.row(0, axis)),
      .black)
    frame.drawLegend(series)
    return frame.canvas.picture
  }
}
