import ThumbprintCodes
import ThumbprintCoding

extension PictureIDs {
  /// A name's id, and the record that has it already.
  package struct Place {
    package var id: ItemID
    package var record: Record?
  }

  /// Ids for some names, each different from all others in the collection.
  ///
  /// - Parameters:
  ///   - names: No two alike.
  ///   - taken: Ids that are given out and not written yet; those of the names are added.
  ///   - records: The records of ids, in their order, as the collection has them.
  package static func places(
    of names: [String], taken: inout Set<ItemID>, records: ([ItemID]) throws -> [Record?]
  ) throws -> [Place] {
    var places = [Place?](repeating: nil, count: names.count)
    for attempt in 0..<attemptCount {
      let open = names.indices.filter { places[$0] == nil }
      if open.isEmpty { break }
      let ids = open.map { id(names[$0], attempt: attempt) }
      for ((index, id), record) in zip(zip(open, ids), try records(ids)) {
        if let record, record.name.map(ExactText.init) != ExactText(names[index]) { continue }
        guard taken.insert(id).inserted else { continue }
        places[index] = Place(id: id, record: record)
      }
    }
    return try zip(names, places).map { name, place in
      guard let place else {
        throw CommandError(
          .badData, "no id is free for '\(name)': \(attemptCount) are taken by other names")
      }
      return place
    }
  }
}
