import Synchronization

/// Numbers 0, 1, 2 ... for several threads.
final class Counter: Sendable {
  private let value = Atomic(0)

  func next() -> Int { value.add(1, ordering: .relaxed).oldValue }
}

/// Says when to end.
final class StopSign: Sendable {
  private let value = Atomic(false)

  var isUp: Bool { value.load(ordering: .acquiring) }
  func putUp() { value.store(true, ordering: .releasing) }
}
