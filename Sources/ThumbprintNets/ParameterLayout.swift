/// Where each named array of a network lies in its one flat array of floats.
public struct ParameterLayout: Sendable, Equatable {
  public struct Entry: Sendable, Equatable {
    public let name: String
    public let shape: [Int]
    /// Floats in the flat array.
    public let range: Range<Int>
    let initialization: Initialization
  }

  /// How an array starts.
  enum Initialization: Sendable, Equatable {
    case constant(Float)
    /// Uniform in −bound...bound.
    case uniform(bound: Float)
  }

  public private(set) var entries: [Entry] = []
  /// Floats in all.
  public private(set) var count = 0

  mutating func add(_ name: String, _ shape: [Int], _ initialization: Initialization) -> Int {
    let start = count
    count += shape.reduce(1, *)
    entries.append(
      Entry(name: name, shape: shape, range: start..<count, initialization: initialization))
    return start
  }

  /// The initial values: each array from its own random stream, so that a layer added behind does
  /// not change those before it.
  func initialValues(seed: UInt64) -> [Float] {
    var values = [Float](repeating: 0, count: count)
    for (number, entry) in entries.enumerated() {
      switch entry.initialization {
      case .constant(let value):
        for i in entry.range { values[i] = value }
      case .uniform(let bound):
        var random = NetRandom(seed, 1, UInt64(number))
        for i in entry.range { values[i] = (2 * random.unit() - 1) * bound }
      }
    }
    return values
  }
}
