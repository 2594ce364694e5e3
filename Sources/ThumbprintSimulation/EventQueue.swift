/// Events in the order of their time, and of their making where that is equal.
struct EventQueue<Event> {
  private var heap: ContiguousArray<Entry> = []
  private var made: UInt64 = 0

  private struct Entry {
    let at: Int64
    let number: UInt64
    let event: Event

    static func < (a: Entry, b: Entry) -> Bool { (a.at, a.number) < (b.at, b.number) }
  }

  var count: Int { heap.count }

  mutating func insert(_ event: Event, at time: Int64) {
    made += 1
    heap.append(Entry(at: time, number: made, event: event))
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child] < heap[parent] else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func popFirst() -> (at: Int64, event: Event)? {
    guard let top = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      sink()
    }
    return (top.at, top.event)
  }

  private mutating func sink() {
    var parent = 0
    while true {
      var least = parent
      let left = 2 * parent + 1
      if left < heap.count, heap[left] < heap[least] { least = left }
      if left + 1 < heap.count, heap[left + 1] < heap[least] { least = left + 1 }
      if least == parent { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
