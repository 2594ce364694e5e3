import ThumbprintCluster
import ThumbprintCodes

/// Where the cluster map is kept: one value, replaced only by whoever knows what it replaces.
///
/// A second store must pass `MetadataStoreConformance`.
public protocol MetadataStore: Sendable {
  /// The map as it is stored; `nil` if there is none yet.
  ///
  /// - Throws: ``MetadataStoreError`` if the store does not answer, or holds something else.
  func read() async throws(MetadataStoreError) -> ClusterMap?

  /// Puts `map` in the place of the map of version `expected`, or of none if that is `nil`.
  ///
  /// - Returns: Whether it did; on the disk then. `false` if another map is stored.
  /// - Throws: ``MetadataStoreError`` if it is not known whether it did.
  func replace(
    with map: ClusterMap, expected: MapVersion?
  ) async throws(MetadataStoreError) -> Bool
}

/// Why a store did not answer, in one line.
public struct MetadataStoreError: Error, Sendable, Hashable, CustomStringConvertible {
  public var message: String

  public init(_ message: String) { self.message = message }

  public var description: String { message }
}
