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

/// A bound on the bytes of large bodies that are held at once. What has not come yet counts nothing,
/// so clients that are slow to send keep nobody waiting.
final class ByteBudget: Sendable {
  private let count = Atomic(0)
  private let countMax: Int
  private let noun: String

  /// - Parameter noun: What the bytes are of, for the message.
  init(_ countMax: Int, _ noun: String) {
    self.countMax = countMax
    self.noun = noun
  }

  /// What one request has of it.
  final class Share: Sendable {
    private let budget: ByteBudget
    private let count = Atomic(0)

    fileprivate init(of budget: ByteBudget) {
      self.budget = budget
    }

    /// - Throws: `busy` if there are not so many left.
    func take(_ byteCount: Int) throws(ServiceError) {
      count.add(byteCount, ordering: .relaxed)
      let taken = budget.count.add(byteCount, ordering: .relaxed).newValue
      guard taken <= budget.countMax else {
        throw ServiceError(
          .busy, "\(budget.countMax) bytes of \(budget.noun) are being received already",
          hint: "ask again later")
      }
    }

    fileprivate func giveBack() {
      budget.count.subtract(count.exchange(0, ordering: .relaxed), ordering: .relaxed)
    }
  }

  /// Runs `body` with a share that is empty, and gives back what it took.
  func run<Value>(_ body: (Share) async throws -> Value) async throws -> Value {
    let share = Share(of: self)
    defer { share.giveBack() }
    return try await body(share)
  }
}
