import ThumbprintCodes

/// The best matches met so far: the `k` nearest, or everything within a radius.
package struct TopMatches {
  /// The most matches kept; `Int.max` for all within the bound.
  private let capacity: Int
  /// A binary heap, the worst match first, once there are `capacity`; before that in any order.
  private var heap: [SearchMatch] = []
  /// Nothing farther than this can be an answer any more. A match at the bound may be, by its id.
  package private(set) var bound: Int

  package init(capacity: Int, distanceMax: Int) {
    self.capacity = capacity
    bound = distanceMax
    if capacity <= 1024 { heap.reserveCapacity(capacity) }
  }

  package init(_ query: SearchQuery) {
    switch query.extent {
    case .nearest(let k): self.init(capacity: k, distanceMax: query.distanceMax)
    case .within(let radius):
      self.init(capacity: .max, distanceMax: min(radius, query.distanceMax))
    }
  }

  /// Whether ``bound`` is the distance of the worst of `k` matches, or a radius.
  package var isFull: Bool { heap.count >= capacity }
  package var isEmpty: Bool { heap.isEmpty }
  package var count: Int { heap.count }

  /// An empty collection for a part of the rows, which need not find what is beyond the bound.
  package func part() -> TopMatches {
    TopMatches(capacity: capacity, distanceMax: bound)
  }

  /// Says that nothing farther than `bound` matters.
  package mutating func lower(bound: Int) {
    self.bound = min(self.bound, bound)
  }

  /// Adds a match that is not in here yet.
  package mutating func insert(distance: Int, id: @autoclosure () -> ItemID) {
    guard distance <= bound, capacity > 0 else { return }
    let match = SearchMatch(distance: distance, id: id())
    if heap.count < capacity {
      heap.append(match)
      if heap.count == capacity {
        for i in stride(from: heap.count / 2 - 1, through: 0, by: -1) { siftDown(i) }
        bound = min(bound, heap[0].distance)
      }
    } else if match < heap[0] {
      heap[0] = match
      siftDown(0)
      bound = heap[0].distance
    }
  }

  private mutating func siftDown(_ start: Int) {
    var i = start
    while true {
      var worst = i
      let left = 2 * i + 1
      if left < heap.count, heap[worst] < heap[left] { worst = left }
      if left + 1 < heap.count, heap[worst] < heap[left + 1] { worst = left + 1 }
      if worst == i { return }
      heap.swapAt(i, worst)
      i = worst
    }
  }

  package mutating func merge(_ other: TopMatches) {
    for match in other.heap { insert(distance: match.distance, id: match.id) }
  }

  /// Distances met, in no order.
  package var distances: [Int] { heap.map(\.distance) }

  /// Nearest first, ties by id.
  package func sorted() -> [SearchMatch] { heap.sorted() }
}
