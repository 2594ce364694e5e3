import ThumbprintIndex
import ThumbprintWire

// What a search asks for, in the words of the index and in those of the protocol, which do not know
// each other.

extension WireExtent {
  public init(_ extent: SearchQuery.Extent) {
    switch extent {
    case .nearest(let k): self = .nearest(k)
    case .within(let radius): self = .within(radius)
    }
  }
}

extension SearchQuery.Extent {
  public init(_ extent: WireExtent) {
    switch extent {
    case .nearest(let k): self = .nearest(k)
    case .within(let radius): self = .within(radius)
    }
  }
}

extension WirePromise {
  public init(_ promise: SearchPromise) {
    switch promise {
    case .certified: self = .certified
    case .exact: self = .exact
    case .recall(let share): self = .recall(share)
    }
  }
}

extension SearchPromise {
  public init(_ promise: WirePromise) {
    switch promise {
    case .certified: self = .certified
    case .exact: self = .exact
    case .recall(let share): self = .recall(share)
    }
  }
}

extension WireMetric {
  public init(_ metric: SearchMetric) {
    switch metric {
    case .feature: self = .feature
    case .combined: self = .combined
    }
  }
}

extension SearchMetric {
  public init(_ metric: WireMetric) {
    switch metric {
    case .feature: self = .feature
    case .combined: self = .combined
    }
  }
}
