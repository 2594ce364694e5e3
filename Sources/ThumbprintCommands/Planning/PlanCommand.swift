import ArgumentParser
import ThumbprintIndex
import ThumbprintPlanning

struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "How many hosts a cluster needs, and what its queries will take.",
    discussion: """
      Answers from what searches cost on this machine, what files take, and what the
      programs of a cluster were measured to take; nothing is opened or asked. With
      two or more replicas, everything has to hold with one host lost, too.

      Queries are 'near' where all of the k nearest are copies, within 4.7 % of the
      bits, and 'unlike' where nothing is near. Others cost what is between the two,
      which depends on the codes: load some of them, and see.

      Examples:
        thumbprint plan --count 1e9 --replicas 2 --p99 20ms
        thumbprint plan --count 50M --memory 128GiB --rate 2k --json
        thumbprint plan --count 10M --hosts 3 --queries unlike
      """)

  @Option(
    help: ArgumentHelp(
      "Records, for instance 1000000000, 1e9 or 1G.", valueName: "number"))
  var count: CountArgument

  @Option(
    help: ArgumentHelp("Replicas of each shard, 1 to 7.", valueName: "count"))
  var replicas = 2

  @Option(
    help: ArgumentHelp(
      "Of a hundred queries 99 take no longer than this, for instance 20ms, 0.5s or 800us.",
      valueName: "time"))
  var p99: TimeArgument?

  @Option(
    help: ArgumentHelp(
      "Queries a second, each in a request of its own (default: one after another).",
      valueName: "number"))
  var rate: RateArgument?

  @Option(
    help: ArgumentHelp(
      "near (copies) or unlike (nothing near).", valueName: "kind"),
    completion: .list(SearchWorkload.allCases.map(\.rawValue)))
  var queries = SearchWorkload.near.rawValue

  @Option(
    help: ArgumentHelp(
      "certified (wrong with a chance of at most 1e-9), exact, or recall=X with 0 < X < 1.",
      valueName: "promise"),
    completion: .list(["certified", "exact", "recall=0.99"]))
  var promise = "certified"

  @Option(
    name: .customShort("k"),
    help: ArgumentHelp(
      "How many nearest records, 1 to \(SearchLimits.nearestCountMax).", valueName: "count"))
  var nearest = 10

  @Option(
    help: ArgumentHelp(
      "Memory of each host (default: 64GiB).", valueName: "bytes"))
  var memory: ByteCount?

  @Option(
    help: ArgumentHelp("Disk of each host (default: 1TiB).", valueName: "bytes"))
  var disk: ByteCount?

  @Option(help: ArgumentHelp("Cores of each host, 1 to 1024.", valueName: "count"))
  var cores = 16

  @Option(
    help: ArgumentHelp(
      "A round trip of an empty message between two hosts (default: 200us).", valueName: "time"))
  var roundTrip: TimeArgument?

  @Option(
    help: ArgumentHelp("Hash tables of the index: 128, 64 or 0.", valueName: "count"))
  var tables = IndexProfile.standard.tableCount

  @Option(
    help: ArgumentHelp(
      "Bytes of the name and the tags of a record, on average.", valueName: "bytes"))
  var textBytes = 32

  @Option(
    help: ArgumentHelp(
      "Look at so many hosts, in place of the least, 1 to 4096.", valueName: "count"))
  var hosts: Int?

  @Option(
    help: ArgumentHelp(
      "Shards, 1 to 1024 (default: \(CapacityPlan.shardsPerHost) for each host).",
      valueName: "count"))
  var shards: Int?

  @OptionGroup var output: OutputOptions

  mutating func validate() throws {
    do { _ = try request } catch let error as CommandError { throw ValidationError(error) }
  }

  private var request: PlanRequest {
    get throws {
      var request = PlanRequest(recordCount: count.count)
      request.replicaCount = replicas
      request.p99Max = p99?.seconds
      request.queryRate = rate?.perSecond
      guard let workload = SearchWorkload(rawValue: queries) else {
        throw CommandError.flag("--queries", "'\(queries)' is not near or unlike")
      }
      request.workload = workload
      request.promise = try SearchPromise(flag: promise)
      request.nearestCount = nearest
      if let memory { request.host.memoryByteCount = memory.count }
      if let disk { request.host.diskByteCount = disk.count }
      request.host.coreCount = cores
      if let roundTrip { request.roundTrip = roundTrip.seconds }
      guard IndexProfile.tableCounts.contains(tables) else {
        throw CommandError.flag("--tables", "\(tables) is not one of 0, 64, 128")
      }
      request.profile = IndexProfile(tableCount: tables)
      request.textByteCount = textBytes
      request.hostCount = hosts
      request.shardCount = shards
      do { try request.check() } catch { throw CommandError(error, of: request) }
      return request
    }
  }

  mutating func run() throws {
    let request = try request
    let plan: CapacityPlan
    do {
      plan = try CapacityPlan(request, costs: .measuredHere())
    } catch {
      throw CommandError(error, of: request)
    }
    if output.json { return try Console.write(json: CapacityReport(plan)) }
    try Console.write(CapacityText(plan).text)
  }
}
