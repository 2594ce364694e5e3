import ThumbprintCodes

/// A number with a meaning of its own: a type for each, so that two can never be swapped at a call.
public protocol CountedNumber: RawRepresentable, Hashable, Comparable, Sendable, Codable,
  CustomStringConvertible
where RawValue == UInt64 {
  init(rawValue: UInt64)
}

extension CountedNumber {
  public init(_ value: UInt64) { self.init(rawValue: value) }
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  public var description: String { String(rawValue) }
  var next: Self { Self(rawValue: rawValue + 1) }
}

extension Term {
  var next: Term { Term(rawValue + 1) }
}

extension SequenceNumber {
  var next: SequenceNumber { SequenceNumber(rawValue + 1) }
}

extension MapVersion {
  var next: MapVersion { MapVersion(rawValue + 1) }
}

/// A move of a replica, numbered from 1 over the life of a cluster.
public struct MoveID: CountedNumber {
  public var rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// One life of a worker's process: a random number that it chooses at its start.
public struct SessionID: CountedNumber {
  public var rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A request that waits for its reply, chosen by whoever asks, unique among those it has open.
public struct RequestID: CountedNumber {
  public var rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A write that waits at a primary, chosen by the shell that took it in.
public struct WriteID: CountedNumber {
  public var rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }
}
