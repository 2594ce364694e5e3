import Foundation

/// A table of how a training goes, one row at a time, as a CSV file; what an interrupted run wrote
/// stays when it goes on, up to the step where it goes on.
struct TrainingLog {
  private let path: String?
  private(set) var rows: [(step: Int, values: [Double])] = []
  private let columns: [String]

  /// - Parameters:
  ///   - path: The file, or `nil` for none.
  ///   - columns: Names of the values beside the step.
  ///   - step: Where the run goes on: later rows are dropped.
  init(path: String?, columns: [String], goingOnFrom step: Int) throws {
    self.path = path
    self.columns = columns
    guard let path else { return }
    if step > 0, let text = try? String(contentsOfFile: path, encoding: .utf8) {
      rows = text.split(separator: "\n").dropFirst().compactMap { line in
        let cells = line.split(separator: ",")
        guard cells.count == columns.count + 1, let row = Int(cells[0]), row <= step else {
          return nil
        }
        return (row, cells.dropFirst().compactMap { Double($0) })
      }
    }
    let lines = ["step," + columns.joined(separator: ",")] + rows.map(Self.line)
    do {
      try (lines.joined(separator: "\n") + "\n").write(
        toFile: path, atomically: true, encoding: .utf8)
    } catch {
      throw CommandError(.inputOutput, "--log: '\(path)': cannot write", cause: "\(error)")
    }
  }

  mutating func append(step: Int, _ values: [Double]) throws {
    precondition(values.count == columns.count, "\(values.count) values, \(columns.count) columns")
    rows.append((step, values))
    guard let path else { return }
    do {
      let file = try FileHandle(forWritingTo: URL(filePath: path))
      defer { try? file.close() }
      try file.seekToEnd()
      try file.write(contentsOf: Data((Self.line((step, values)) + "\n").utf8))
    } catch {
      throw CommandError(.inputOutput, "--log: '\(path)': cannot write", cause: "\(error)")
    }
  }

  private static func line(_ row: (step: Int, values: [Double])) -> String {
    ([String(row.step)] + row.values.map { Text.fixed($0, 4) }).joined(separator: ",")
  }
}
