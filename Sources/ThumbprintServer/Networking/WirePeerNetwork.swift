import NIOCore
import Synchronization
import ThumbprintCluster
import ThumbprintTransport
import ThumbprintWire

/// Asks workers by their addresses, over one connection to each.
package final class WirePeerNetwork: PeerNetwork {
  private let group: any EventLoopGroup
  private let limits: TransportLimits
  private let security: TransportSecurity?
  private let hello: @Sendable () -> Hello
  private let peers = Mutex<Peers?>(Peers())
  private let observer = Mutex<Observer?>(nil)

  /// Those that were asked. A worker that starts again may listen elsewhere, so now and then those
  /// are forgotten to whom there is no connection.
  private struct Peers {
    var byAddress: [WorkerAddress: WirePeer] = [:]
    var sweepCount = WirePeerNetwork.sweepCountMin

    mutating func sweep() {
      guard byAddress.count >= sweepCount else { return }
      byAddress = byAddress.filter { !$0.value.isIdle }
      sweepCount = max(WirePeerNetwork.sweepCountMin, 2 * byAddress.count)
    }
  }

  private static let sweepCountMin = 64

  package typealias Observer = @Sendable ((address: WorkerAddress, isConnected: Bool)) -> Void

  package init(
    group: any EventLoopGroup, limits: TransportLimits = TransportLimits(),
    security: TransportSecurity? = nil, hello: @escaping @Sendable () -> Hello
  ) {
    self.group = group
    self.limits = limits
    self.security = security
    self.hello = hello
  }

  /// Has `body` told when a connection was made and when it ended.
  package func onChange(_ body: @escaping Observer) {
    observer.withLock { $0 = body }
  }

  package func send<Request: WireRequest>(
    _ request: Request, to address: WorkerAddress, timeout: Duration,
    reply: @escaping @Sendable (Result<Request.Reply, ServiceError>) -> Void
  ) {
    let outgoing = OutgoingRequest(request, timeout: timeout.timeAmount, completion: reply)
    start(outgoing, to: address)
  }

  /// Sends a request whose body was made elsewhere.
  package func start(_ request: OutgoingRequest, to address: WorkerAddress) {
    let peer = peers.withLock { peers -> WirePeer? in
      if let peer = peers?.byAddress[address] { return peer }
      guard peers != nil else { return nil }
      let peer = WirePeer(
        host: address.host, port: address.port, group: group, limits: limits,
        security: security.map { PeerSecurity($0) },
        onChange: { [weak self] isConnected in
          self?.observer.withLock { $0 }?((address, isConnected))
        }, hello: hello)
      peers?.sweep()
      peers?.byAddress[address] = peer
      return peer
    }
    if let peer {
      peer.start(request)
    } else {
      request.fail(ServiceError(.shuttingDown, "this process is about to end"))
    }
  }

  /// A worker was heard of: it need not be waited for because it did not answer before.
  package func forgetFailures(of address: WorkerAddress) {
    peers.withLock { $0?.byAddress[address] }?.forgetFailures()
  }

  /// Peers that are kept, connected or not.
  package var peerCount: Int { peers.withLock { $0?.byAddress.count ?? 0 } }

  /// Ends all connections and asks no more.
  package func close() {
    let open = peers.withLock { peers in
      defer { peers = nil }
      return peers?.byAddress ?? [:]
    }
    for peer in open.values { peer.close() }
  }
}
