import ThumbprintStorage

/// Limits so small that a few hundred records go through everything.
extension MaintenanceLimits {
  package static var tiny: MaintenanceLimits {
    var limits = MaintenanceLimits()
    limits.recentRowCountMax = 200
    limits.bulkRowCount = 1000
    limits.segmentRowCountMin = 50
    limits.coalescedBlockCount = 4
    limits.mergedSegmentCount = 3
    limits.transactionByteCountMax = 1 << 16
    return limits
  }
}
