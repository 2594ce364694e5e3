/// Lines over a horizontal axis, as a picture.
public struct LinePlot: Sendable {
  public let title: String
  /// What the axes show, with units.
  public let horizontal: String
  public let vertical: String
  private var series: [(name: String, points: [(x: Double, y: Double)], isJoined: Bool)] = []

  public init(title: String, horizontal: String, vertical: String) {
    self.title = title
    self.horizontal = horizontal
    self.vertical = vertical
  }

  /// Adds a line through points, in the order given; those that are not finite are left out.
  ///
  /// - Parameter isJoined: `false` for the points alone.
  public mutating func add(
    _ name: String, _ points: [(Double, Double)], isJoined: Bool = true
  ) {
    series.append(
      (name, points.filter { $0.0.isFinite && $0.1.isFinite }.map { ($0.0, $0.1) }, isJoined))
  }

  /// The plot, 800×480 pixels by default.
  public func draw(width: Int = 800, height: Int = 480) -> Picture {
    var frame = PlotFrame(width: width, height: height, title: title)
    let x = PlotAxis(series.flatMap { $0.points.map(\.x) })
    let y = PlotAxis(series.flatMap { $0.points.map(\.y) })
    frame.drawVertical(y, label: vertical)
    frame.drawHorizontal(x, label: horizontal)
    for (number, line) in series.enumerated() {
      let color = Color.series[number % Color.series.count]
      let places = line.points.map { (frame.column($0.x, x), frame.row($0.y, y)) }
      for (a, b) in zip(places, places.dropFirst()) where line.isJoined {
        frame.canvas.line(from: a, to: b, color, isBold: true)
      }
      for place in places where places.count <= 40 || !line.isJoined {
        frame.canvas.fill(
          columns: place.0 - 2..<place.0 + 4, rows: place.1 - 2..<place.1 + 4, color)
      }
    }
    if series.count > 1 { frame.drawLegend(series.map(\.name)) }
    return frame.canvas.picture
  }
}
