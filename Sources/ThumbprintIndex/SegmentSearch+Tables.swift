import CHamming
import ThumbprintCodes

extension SegmentSearch {
  /// Tables of the first wave: enough for copies of a picture. The second wave is the rest.
  static let firstWave = 48
  /// More postings than this are counted in one byte a row instead of a bit map of 65,536 places.
  private static let postingCountMax = 16384

  /// Searches the hash tables. Returns whether they kept the promise; if not, the bound that
  /// they found stays, and the matches are dropped: another arm will meet them again.
  mutating func runTables() -> Bool {
    guard header.tableCount > 0, !segment.tables.isEmpty else { return false }
    let fallback = expectedFallback()
    tp_buckets(
      queryBytes, 0, header.tableCount, UInt32(header.keyBitCount), scratch.buckets.base, 1)
    var probed = 0
    var firstCount = 0
    var repeatCount = 0
    scratch.seen.base.update(repeating: 0, count: Int(TP_SEEN_WORDS))
    for end in [min(Self.firstWave, header.tableCount), header.tableCount] where end > probed {
      let wave = probed..<end
      let postings = lookup(wave)
      let expected = postings * (header.tableCount - probed) / wave.count
      // Tables must not cost much of what they may save.
      guard Double(expected) * costs.posting < 0.5 * fallback else {
        return giveUpTables(probed: probed)
      }
      if probed == 0, expected > Self.postingCountMax {
        return runVotes(fallback: fallback)
      }
      guard
        collect(wave, postings: postings, firstCount: &firstCount, repeatCount: &repeatCount)
      else { return giveUpTables(probed: probed) }
      probed = end
      if compareRepeats(repeatCount, probed: probed) {
        return true
      }
    }
    // A probe has met what is near twice, if it is here.
    if isProbe { return giveUpTables(probed: probed) }
    // Rows met once: they may complete the answer, and else they tighten the bound.
    if plan.missAfter(
      tableCount: probed, voteCount: 1, keyBitCount: header.keyBitCount, matches: matches) != nil
      || Double(firstCount) * costs.candidate < 0.3 * expectedFallback()
    {
      compareAll(firstCount: firstCount, repeatCount: repeatCount)
      if let miss = plan.missAfter(
        tableCount: probed, voteCount: 1, keyBitCount: header.keyBitCount, matches: matches)
      {
        decide(miss, probed: probed)
        return true
      }
    }
    return giveUpTables(probed: probed)
  }

  private mutating func lookup(_ wave: Range<Int>) -> Int {
    let postings = segment.tables.withUnsafeBufferPointer {
      tp_lookup(
        $0.baseAddress! + wave.lowerBound, scratch.buckets.base + wave.lowerBound, wave.count,
        scratch.starts.base + wave.lowerBound, scratch.lengths.base + wave.lowerBound)
    }
    certificate.bucketsProbed += wave.count
    return postings
  }

  /// Streams the lists of a wave. Returns false, with nothing done, if they are far longer than
  /// those of the first wave promised.
  private mutating func collect(
    _ wave: Range<Int>, postings: Int, firstCount: inout Int, repeatCount: inout Int
  ) -> Bool {
    // Growing loses what is there: make room for a second wave of the same kind at once.
    if wave.lowerBound == 0 {
      let room = 2 * Self.postingCountMax + postings * header.tableCount / wave.count
      scratch.firsts.reserve(room)
      scratch.repeats.reserve(room)
    }
    let room = min(scratch.firsts.capacity, scratch.repeats.capacity)
    guard firstCount + repeatCount + postings <= room else { return false }
    certificate.postingsRead += postings
    segment.tables.withUnsafeBufferPointer {
      tp_collect(
        $0.baseAddress! + wave.lowerBound, scratch.starts.base + wave.lowerBound,
        scratch.lengths.base + wave.lowerBound, wave.count, UInt32(segment.rowCount),
        scratch.seen.base, scratch.firsts.base, &firstCount, scratch.repeats.base, &repeatCount)
    }
    return true
  }

  /// Compares every row met twice or more; whether that is all there can be.
  private mutating func compareRepeats(_ repeatCount: Int, probed: Int) -> Bool {
    matches = matches.part()
    guard repeatCount > 0 else { return false }
    let count = tally(repeatCount)
    verify(count: count)
    guard
      let miss = plan.missAfter(
        tableCount: probed, voteCount: 2, keyBitCount: header.keyBitCount, matches: matches)
    else { return false }
    decide(miss, probed: probed)
    return true
  }

  /// The distinct rows among the repeats become the candidates.
  private func tally(_ repeatCount: Int) -> Int {
    var size = 256
    while size < 2 * repeatCount { size *= 2 }
    scratch.tallyKeys.reserve(size)
    scratch.tallyCounts.reserve(size)
    scratch.reserveCandidates(repeatCount)
    return tp_tally(
      scratch.repeats.base, repeatCount, 1, scratch.tallyKeys.base, scratch.tallyCounts.base,
      size, scratch.positions.base)
  }

  /// Compares every row met at all.
  private mutating func compareAll(firstCount: Int, repeatCount: Int) {
    matches = matches.part()
    var count = firstCount
    if repeatCount > 0 {
      _ = tally(repeatCount)
      var size = 256
      while size < 2 * repeatCount { size *= 2 }
      count = tp_join(
        scratch.firsts.base, firstCount, scratch.tallyKeys.base, scratch.tallyCounts.base, size)
    }
    scratch.reserveCandidates(count)
    scratch.positions.base.update(from: scratch.firsts.base, count: count)
    verify(count: count)
  }

  /// Counts votes in one byte a row: for queries that meet many rows.
  private mutating func runVotes(fallback: Double) -> Bool {
    let usual = header.neighbourDistances
    guard !usual.isEmpty else { return giveUpTables(probed: 0) }
    // The most votes that would keep the promise for neighbours at the usual distance.
    let bound = min(matches.bound, usual[usual.count * 3 / 4])
    var votes = 0
    var probe = matches.part()
    probe.lower(bound: bound)
    while votes < 8,
      plan.missAfter(
        tableCount: header.tableCount, voteCount: votes + 1, keyBitCount: header.keyBitCount,
        matches: probe) != nil
    {
      votes += 1
    }
    guard votes > 0 else { return giveUpTables(probed: 0) }
    let postings = lookup(0..<header.tableCount)
    guard Double(postings) * costs.posting < 0.5 * fallback else {
      return giveUpTables(probed: 0)
    }
    certificate.postingsRead += postings
    scratch.votes.reserve(segment.rowCount)
    scratch.reserveCandidates(postings + 1)
    while votes > 0 {
      let count = segment.tables.withUnsafeBufferPointer {
        tp_vote(
          $0.baseAddress!, scratch.starts.base, scratch.lengths.base, header.tableCount,
          UInt32(segment.rowCount), UInt32(votes), scratch.votes.base, scratch.positions.base)
      }
      matches = matches.part()
      verify(count: count)
      if let miss = plan.missAfter(
        tableCount: header.tableCount, voteCount: votes, keyBitCount: header.keyBitCount,
        matches: matches)
      {
        decide(miss, probed: header.tableCount)
        return true
      }
      votes -= 1
    }
    return giveUpTables(probed: header.tableCount)
  }

  /// Forgets matches that another arm will meet again, but for the bound.
  mutating func dropMatches() {
    if !matches.isEmpty { probed = matches }
    matches = matches.part()
  }

  private mutating func decide(_ miss: Double, probed: Int) {
    certificate.arms[.tables, default: 0] += 1
    certificate.missProbability += plan.chance(perAnswer: miss)
    certificate.excludedByTables += max(0, segment.rowCount - certificate.sketchesRead)
    certificate.predictedNanoseconds +=
      Double(probed) * costs.lookup + Double(certificate.postingsRead) * costs.posting
      + Double(certificate.sketchesRead) * costs.refine
  }

  private mutating func giveUpTables(probed: Int) -> Bool {
    dropMatches()
    certificate.predictedNanoseconds +=
      Double(certificate.bucketsProbed) * costs.lookup
      + Double(certificate.postingsRead) * costs.posting
    return false
  }
}
