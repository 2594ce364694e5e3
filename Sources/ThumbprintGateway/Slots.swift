import Synchronization
import ThumbprintWire

/// A bound on how many of one kind of request are under way, since each takes memory.
final class Slots: Sendable {
  private let count = Atomic(0)
  private let countMax: Int
  private let noun: String

  /// - Parameter noun: What is counted, for the message: `pictures are being received`.
  init(_ countMax: Int, _ noun: String) {
    self.countMax = countMax
    self.noun = noun
  }

  /// Runs `body` in one of them.
  ///
  /// - Throws: `busy` if none is free, and what `body` throws.
  func run<Value>(_ body: () async throws -> Value) async throws -> Value {
    let taken = count.add(1, ordering: .relaxed).newValue
    defer { count.subtract(1, ordering: .relaxed) }
    guard taken <= countMax else {
      throw ServiceError(.busy, "\(countMax) \(noun) already", hint: "ask again later")
    }
    return try await body()
  }
}
