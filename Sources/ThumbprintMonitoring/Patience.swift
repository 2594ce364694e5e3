/// Waits for something, but not for ever.
package enum Patience {
  /// What `body` returns, or `nil` if it takes longer. It is not ended then: nothing may depend on
  /// its end.
  package static func wait<Value: Sendable>(
    _ time: Duration, for body: @escaping @Sendable () async -> Value
  ) async -> Value? {
    let (stream, results) = AsyncStream.makeStream(of: Value?.self)
    let work = Task { results.yield(await body()) }
    let clock = Task {
      try? await Task.sleep(for: time)
      results.yield(nil)
    }
    defer {
      work.cancel()
      clock.cancel()
    }
    for await result in stream { return result }
    return nil
  }
}
