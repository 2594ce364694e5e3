extension CodedDataset {
  /// How many records are looked at between two reports of progress.
  static let progressRecordCount = 1 << 16

  /// Reads everything there is but the codes, and checks it: names, tags, that ids are unique.
  ///
  /// - Throws: ``CodedDatasetError`` for the first fault that is found.
  /// - Complexity: O(n log n) time; at most 12 bytes of memory a record, or none if ids are
  ///   ascending.
  public func validate() throws(CodedDatasetError) {
    if names != nil || tags != nil {
      let cursor = try CodedDatasetCursor(self, rows: 0..<count)
      while try cursor.next() != nil {}
    }
    try validateIDs()
  }

  /// Computes the digest of the records.
  ///
  /// - Parameter progress: Called now and then with the number of records done, at last with
  ///   ``count``.
  /// - Throws: ``CodedDatasetError`` if a name or tags are damaged.
  /// - Complexity: Reads everything once, in bounded memory.
  public func digest(
    progress: (Int) -> Void = { _ in }
  ) throws(CodedDatasetError) -> RecordDigest {
    var digest = RecordDigest()
    let cursor = try CodedDatasetCursor(self, rows: 0..<count)
    while let row = try cursor.next() {
      digest.add(row.digest)
      let done = row.index + 1
      if done.isMultiple(of: Self.progressRecordCount) {
        releaseMemory(of: done - Self.progressRecordCount..<done)
        if done < count { progress(done) }
      }
    }
    progress(count)
    return digest
  }

  /// Computes the digest of the records and compares it with that of `dataset.json`, if there is
  /// one.
  ///
  /// - Parameter progress: As in ``digest(progress:)``.
  /// - Returns: The digest of the records.
  /// - Throws: ``CodedDatasetError/Code/digestMismatch`` if the records are not the ones that were
  ///   written; besides, as ``digest(progress:)``.
  @discardableResult
  public func verifyDigest(
    progress: (Int) -> Void = { _ in }
  ) throws(CodedDatasetError) -> RecordDigest {
    let found = try digest(progress: progress)
    if let expected = manifest?.digest, expected != found {
      throw CodedDatasetError(
        .digestMismatch, path: path,
        "\(DatasetFiles.manifest) says digest \(expected), the records have \(found)",
        hint: "files were changed after the dataset was written; "
          + "without \(DatasetFiles.manifest) they are taken as they are")
    }
    return found
  }

  private func validateIDs() throws(CodedDatasetError) {
    guard let rows = columns.ids, count > 1 else { return }
    func id(_ row: Int) -> UInt64 {
      UInt64(littleEndian: rows[row].loadUnaligned(as: UInt64.self))
    }
    // Row numbers in disguise are the common case, and need no memory.
    guard (1..<count).contains(where: { id($0) <= id($0 - 1) }) else { return }
    var sorted = (0..<count).map(id)
    sorted.sort()
    for i in 1..<count where sorted[i] == sorted[i - 1] {
      let double = (0..<count).lazy.filter { id($0) == sorted[i] }.prefix(2)
      throw CodedDatasetError(
        .duplicateID, path: DatasetFiles.path(DatasetFiles.ids, in: path),
        "id \(sorted[i]) is in rows \(double.map(String.init).joined(separator: " and "))",
        hint: "give every record an id of its own")
    }
  }
}
