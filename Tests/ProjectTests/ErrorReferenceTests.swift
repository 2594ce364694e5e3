import Foundation
import Testing
import ThumbprintCodes
import ThumbprintCommands
import ThumbprintStorage
import ThumbprintWire

/// Holds docs/reference/errors.md to the errors that there are and to their exit statuses.
@Suite struct ErrorReferenceTests {
  @Test func everyExitStatusIsDocumented() throws {
    let rows = try Self.rows(under: "Exit statuses")
    #expect(
      rows.compactMap { Int32($0[0]) } == ThumbprintCommands.ExitStatus.allCases.map(\.rawValue),
      "the table of exit statuses differs from ExitStatus")
  }

  @Test func everyStoreErrorIsDocumented() throws {
    try Self.compare(
      StoreError.Code.Value.allCases.map { ($0.rawValue, CommandError.status(of: $0)) },
      with: "Errors of a store")
  }

  @Test func everyDatasetErrorIsDocumented() throws {
    try Self.compare(
      CodedDatasetError.Code.Value.allCases.map { ($0.rawValue, CommandError.status(of: $0)) },
      with: "Errors of datasets and arrays")
  }

  @Test func everyServiceErrorIsDocumented() throws {
    let written = try Self.rows(under: "Errors of a cluster").map { Array($0[0...2]) }
    let expected = ServiceError.Code.Value.allCases.map {
      ["`\($0.rawValue)`", "\($0.exitStatus)", "\($0.httpStatus)"]
    }
    #expect(written == expected, "the table differs from ServiceError")
    for kind in ServiceError.Code.Value.allCases {
      #expect(ThumbprintCommands.ExitStatus(rawValue: kind.exitStatus) != nil, "\(kind)")
    }
  }

  private static func compare(
    _ kinds: [(String, ThumbprintCommands.ExitStatus)], with heading: String
  ) throws {
    let written = try rows(under: heading).map { [$0[0], $0[1]] }
    let expected = kinds.map { ["`\($0)`", String($1.rawValue)] }
    #expect(Set(written) == Set(expected), "\(heading) differs from the program")
    #expect(written.count == expected.count)
  }

  /// The cells of the rows of the table under a heading, without its head.
  private static func rows(under heading: String) throws -> [[String]] {
    let lines = try Project.file("docs/reference/errors.md").lines
    let section = lines.drop { $0 != "## \(heading)" }.dropFirst().prefix { !$0.hasPrefix("## ") }
    return section.filter { $0.hasPrefix("| ") }.dropFirst().map { line in
      line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    }
  }
}
