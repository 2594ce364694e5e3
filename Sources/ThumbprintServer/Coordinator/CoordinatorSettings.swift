import ThumbprintCluster

/// How a coordinator works.
public struct CoordinatorSettings: Sendable {
  public var controller = ControllerSettings()
  public var router = RouterSettings()
  /// How long a search, a fetch or a write may take whose sender set no deadline.
  public var deadline: Duration = .seconds(30)
  /// How long a worker waits for orders before it asks again.
  public var ordersWait: Duration = .seconds(10)
  /// How long the creation of a collection waits until it can be written to.
  public var creationWait: Duration = .seconds(10)
  /// How long what primaries say of their shards is asked for while one of them is lost.
  public var statsWait: Duration = .seconds(5)
  /// Bytes of writes that wait for an answer of a primary, of all clients together; more are refused
  /// as busy, unless one alone has more.
  public var writeByteCountMax = 1 << 30
  /// How long to wait before a write, or a fetch, is tried again.
  public var retryPause: Duration = .milliseconds(20)
  /// How long a worker may take for a fetch of a client before another replica is asked too.
  public var fetchPatience: Duration = .seconds(2)
  /// How long before its sender stops waiting a search is answered without the shards that are
  /// late, if that is allowed; a tenth of the time that it has if that is less. As long before that
  /// shards are given up whose matches would have to be fetched for yet.
  public var partialMargin: Duration = .milliseconds(250)
  /// Matches of a query up to which image codes, names and tags are asked for with the search;
  /// above, those of the winners alone are fetched afterwards.
  public var eagerMatchCountMax = 64
  /// How long the search for a bound may take, before all is searched without some of it; a quarter
  /// of the time that the search has if that is less.
  public var probeWait: Duration = .seconds(1)
  /// Ended moves that the status still names.
  public var endedMoveCountMax = 100
  /// What a cluster begins with that is made by this coordinator; later its map says.
  public var newCluster = ClusterSettings()

  public init() {}
}
