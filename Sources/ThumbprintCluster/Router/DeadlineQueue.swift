/// Moments at which something wants to be looked at, earliest first.
struct DeadlineQueue<Element: Sendable>: Sendable {
  private var heap: [(at: MonotonicInstant, element: Element)] = []

  var first: MonotonicInstant? { heap.first?.at }

  mutating func insert(_ element: Element, at moment: MonotonicInstant) {
    heap.append((moment, element))
    var child = heap.count - 1
    while child > 0, heap[child].at < heap[(child - 1) / 2].at {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  /// Removes and returns the earliest if its moment has passed.
  mutating func popDue(now: MonotonicInstant) -> Element? {
    guard let top = heap.first, top.at <= now else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      sink()
    }
    return top.element
  }

  private mutating func sink() {
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && heap[child].at < heap[least].at { least = child }
      if least == parent { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
