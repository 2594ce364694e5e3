import ThumbprintCluster

// What those see of a worker who watch over it.
extension WorkerCore {
  func metricsState() -> WorkerMetrics.State {
    var state = WorkerMetrics.State()
    state.isRegistered = isRegistered
    for driver in allDrivers where driver.machine.isReported {
      let report = driver.machine.report
      state.roles[report.role.rawValue, default: 0] += 1
      state.recordCount += report.summary.recordCount
      state.byteCount += report.byteCount
      state.lag = max(state.lag, driver.machine.followerLagMax)
      if driver.copy != nil { state.copyCount += 1 }
    }
    if !openingKeys.isEmpty {
      state.roles[ReplicaReport.Role.opening.rawValue, default: 0] += openingKeys.count
    }
    return state
  }

  func readinessProblems() -> [String] {
    var problems: [String] = []
    if !isRegistered { problems.append("the coordinator does not know this worker yet") }
    for driver in allDrivers.sorted(by: { $0.key < $1.key }) {
      switch driver.machine.report.role {
      case .missing: problems.append("shard \(driver.key): its files are missing")
      case .damaged: problems.append("shard \(driver.key): its files are damaged")
      case .idle, .opening, .primary, .needsTerm, .follower, .copying: break
      }
    }
    return problems + openingKeys.map { "shard \($0): its files are being opened" }
  }
}
