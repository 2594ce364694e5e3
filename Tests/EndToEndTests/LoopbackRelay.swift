import Foundation
import Glibc
import Synchronization

/// Takes one connection on loopback and stands between its two ends. After so many bytes of the client
/// it passes on no more of them: to the client, a server that hangs in the middle of its work.
final class LoopbackRelay: Sendable {
  struct Failure: Error {
    var what: String
  }

  /// `HOST:PORT` to connect to.
  let address: String
  private let isHolding = Atomic<Bool>(false)
  private let sockets: Mutex<[Int32]>

  /// - Parameters:
  ///   - server: `HOST:PORT`, in numbers.
  ///   - byteCount: Read of the client and passed on, at most.
  init(to server: String, holdingAfter byteCount: Int) throws {
    let (listener, port) = try Self.listen()
    address = "127.0.0.1:\(port)"
    sockets = Mutex([listener])
    let serverPort = server.split(separator: ":").last.flatMap { UInt16($0) } ?? 0
    Thread.detachNewThread { [self] in
      let client = accept(listener, nil, nil)
      guard client >= 0, let upstream = Self.connect(to: serverPort) else { return }
      sockets.withLock { $0 += [client, upstream] }
      Thread.detachNewThread { Self.copy(from: upstream, to: client) { _ in true } }
      var left = byteCount
      Self.copy(from: client, to: upstream) { count in
        left -= count
        if left < 0 { self.isHolding.store(true, ordering: .relaxed) }
        return left >= 0
      }
    }
  }

  /// Ends both connections, and the threads with them.
  func close() {
    let all = sockets.withLock { sockets in
      defer { sockets = [] }
      return sockets
    }
    // Threads may still be about to use the numbers: they are not given back.
    for socket in all { shutdown(socket, Int32(SHUT_RDWR)) }
  }

  /// Waits until bytes are held back, or `isOver`.
  func waitUntilHolding(orUntil isOver: () -> Bool) -> Bool {
    while !isHolding.load(ordering: .relaxed) {
      if isOver() { return false }
      usleep(2000)
    }
    return true
  }

  /// Passes on what `mayPass` lets through, until it does not or an end is closed.
  private static func copy(
    from source: Int32, to target: Int32, _ mayPass: (Int) -> Bool
  ) {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(source, &buffer, buffer.count)
      guard count > 0, mayPass(count) else { return }
      var start = 0
      while start < count {
        let sent = buffer.withUnsafeBytes {
          send(target, $0.baseAddress! + start, count - start, Int32(MSG_NOSIGNAL))
        }
        guard sent > 0 else { return }
        start += sent
      }
    }
  }

  // MARK: Sockets

  /// A socket that listens on a free port.
  static func listen() throws -> (socket: Int32, port: UInt16) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = loopback(port: 0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isListening = withUnsafeMutablePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && Glibc.listen(listener, 1) == 0
          && getsockname(listener, $0, &size) == 0
      }
    }
    guard isListening else { throw Failure(what: String(cString: strerror(errno))) }
    return (listener, UInt16(bigEndian: address.sin_port))
  }

  private static func connect(to port: UInt16) -> Int32? {
    let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = loopback(port: port)
    let isConnected = withUnsafePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    return isConnected ? server : nil
  }

  private static func loopback(port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }
}
