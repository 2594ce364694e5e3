import Foundation

/// A connection to a port of loopback, used without any library: it says whatever it is told to.
final class Socket {
  private let descriptor: Int32

  init(port: Int) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw Self.failure("socket") }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else {
      close(descriptor)
      throw Self.failure("connect")
    }
  }

  deinit { close(descriptor) }

  private static func failure(_ call: String) -> DaemonProcess.Failure {
    DaemonProcess.Failure("\(call): \(String(cString: strerror(errno)))")
  }

  /// - Returns: Whether the other side still took it.
  @discardableResult
  func write(_ bytes: [UInt8]) -> Bool {
    var start = 0
    while start < bytes.count {
      let count = bytes.withUnsafeBytes {
        send(descriptor, $0.baseAddress! + start, bytes.count - start, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      start += count
    }
    return true
  }

  /// What has come, at least a byte; empty if the other side ended the connection.
  func read(byteCountMax: Int) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: byteCountMax)
    return Array(buffer[..<max(0, recv(descriptor, &buffer, buffer.count, 0))])
  }

  /// All that comes until the other side ends the connection, or `seconds` without a byte.
  func readToEnd(seconds: Int = 10) -> [UInt8] {
    var time = timeval(tv_sec: seconds, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { return all }
      all += buffer[..<count]
    }
  }

  struct Answer {
    var status: Int
    var head: String
    var body: [UInt8]
    var text: String { String(decoding: body, as: UTF8.self) }
  }

  /// What an HTTP server answers.
  static func get(
    _ path: String, port: Int, host: String = "localhost"
  ) throws -> Answer {
    try ask("GET", path, port: port, headers: ["Host: \(host)"])
  }

  static func post(
    _ path: String, port: Int, type: String = "application/json", _ body: [UInt8],
    headers: [String] = []
  ) throws -> Answer {
    try ask(
      "POST", path, port: port, headers: ["Host: localhost", "Content-Type: \(type)"] + headers,
      body: body)
  }

  static func ask(
    _ method: String, _ path: String, port: Int, headers: [String], body: [UInt8] = []
  ) throws -> Answer {
    let connection = try Socket(port: port)
    let lines =
      ["\(method) \(path) HTTP/1.1", "Connection: close", "Content-Length: \(body.count)"] + headers
    connection.write(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8))
    // A server that has heard enough may close before it has read all.
    for start in stride(from: 0, to: body.count, by: 1 << 20) {
      guard connection.write(Array(body[start..<min(start + 1 << 20, body.count)])) else { break }
    }
    let bytes = connection.readToEnd(seconds: 60)
    guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else {
      throw DaemonProcess.Failure("no answer to \(path)")
    }
    let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
    let status = head.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return Answer(status: status, head: head, body: Array(bytes[end.upperBound...]))
  }
}
