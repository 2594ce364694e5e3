import Synchronization
import Testing
import ThumbprintNets

@Suite struct KernelTests {
  @Test func productsEqualTheirTwin() {
    var random = NetRandom(1)
    for _ in 0..<60 {
      let (m, n, k) = (
        1 + random.integer(below: 40), 1 + random.integer(below: 40), 1 + random.integer(below: 40)
      )
      let a = (0..<m * k).map { _ in random.normal() }
      let b = (0..<k * n).map { _ in random.normal() }
      let start = (0..<m * n).map { _ in random.normal() }
      let (flipA, flipB) = (random.integer(below: 2) == 1, random.integer(below: 2) == 1)
      let beta: Float = random.integer(below: 2) == 1 ? 0.5 : 0
      var c = start
      BLAS.multiply(
        m, n, k, a, lda: flipA ? m : k, aIsTransposed: flipA, b, ldb: flipB ? k : n,
        bIsTransposed: flipB, beta: beta, &c, ldc: n)
      var exact: [Double] = []
      for row in 0..<m {
        for column in 0..<n {
          var sum = Double(beta * start[row * n + column])
          for i in 0..<k {
            sum +=
              Double(flipA ? a[i * m + row] : a[row * k + i])
              * Double(flipB ? b[column * k + i] : b[i * n + column])
          }
          exact.append(sum)
        }
      }
      expectClose(c, exact, "\(m)×\(n)×\(k)")
    }
  }

  @Test func everyIndexIsVisitedOnce() {
    for threadCount in [1, 2, 5, 16] {
      for count in [0, 1, 3, 100] {
        let visits = UnsafeMutablePointer<Int>.allocate(capacity: count + 1)
        visits.initialize(repeating: 0, count: count + 1)
        defer { visits.deallocate() }
        nonisolated(unsafe) let shared = visits
        Parallel.forEach(count, threadCount: threadCount) { shared[$0] += 1 }
        #expect((0..<count).allSatisfy { visits[$0] == 1 })
      }
    }
  }

  @Test func randomNumbersHaveTheRightMoments() {
    var random = NetRandom(1, 2, 3)
    let normals = (0..<20_000).map { _ in Double(random.normal()) }
    let mean = normals.reduce(0, +) / 20_000
    let variance = normals.reduce(0) { $0 + $1 * $1 } / 20_000
    #expect(abs(mean) < 0.036 && abs(variance - 1) < 0.05)
    let units = (0..<20_000).map { _ in random.unit() }
    #expect(units.allSatisfy { $0 >= 0 && $0 < 1 })
    #expect(abs(units.reduce(0, +) / 20_000 - 0.5) < 0.011)
    var (a, b, c) = (NetRandom(1, 2), NetRandom(1, 2), NetRandom(2, 1))
    let first = a.next()
    #expect(first == b.next())
    #expect(first != c.next())
    var deck = Array(0..<50)
    a.shuffle(&deck)
    #expect(deck.sorted() == Array(0..<50) && deck != Array(0..<50))
  }

  @Test func workThatFailsEndsWithTheFirstError() throws {
    struct Failure: Error, Equatable {
      var index: Int
    }
    for threadCount in [1, 3, 8] {
      let done = Mutex<[Int]>([])
      try Parallel.tryForEach(100, threadCount: threadCount) { index in
        done.withLock { $0.append(index) }
      }
      #expect(done.withLock { $0.sorted() } == Array(0..<100))
      // On several threads the second may have failed before the first was begun.
      let error = #expect(throws: Failure.self) {
        try Parallel.tryForEach(100, threadCount: threadCount) { index in
          if index == 10 || index == 20 { throw Failure(index: index) }
        }
      }
      #expect(threadCount > 1 || error == Failure(index: 10))
    }
  }
}
