import Synchronization

/// A place for what is derived from a value and is costly, such as packed weights: made when it is
/// first asked for, and shared by copies of the value until they change.
///
/// Whoever holds one calls ``renew(_:)`` whenever the value changes.
package final class Preparation<Derived: Sendable>: Sendable {
  private let derived = Mutex<Derived?>(nil)

  package init() {}

  /// What was made, or what `make` makes now; one caller at a time.
  package func value(_ make: () -> Derived) -> Derived {
    derived.withLock { derived in
      if let derived { return derived }
      let new = make()
      derived = new
      return new
    }
  }

  /// Forgets what was made, for this holder alone.
  package static func renew(_ place: inout Preparation) {
    if isKnownUniquelyReferenced(&place), place.derived.withLock({ $0 == nil }) { return }
    place = Preparation()
  }
}
