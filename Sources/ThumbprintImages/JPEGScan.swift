/// The part of a JPEG file that is not headers and tables.
public enum JPEGScan {
  /// Bytes of entropy-coded data in a file of one scan: what stands between the scan's header and
  /// the end marker; 0 if there is no scan.
  public static func byteCount(of file: [UInt8]) -> Int {
    var at = 2
    while at + 4 <= file.count, file[at] == 0xFF {
      let length = Int(file[at + 2]) << 8 | Int(file[at + 3])
      if file[at + 1] == 0xDA { return max(0, file.count - 2 - (at + 2 + length)) }
      at += 2 + length
    }
    return 0
  }
}
