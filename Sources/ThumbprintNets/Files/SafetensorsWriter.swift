/// Writes safetensors files.
public enum SafetensorsWriter {
  /// Writes a file with 32-bit or 16-bit floats, replacing what the path holds at once and only when all is
  /// on disk. The same tensors and metadata give the same bytes.
  ///
  /// - Parameters:
  ///   - tensors: In the order of the file; names are distinct and not `__metadata__`.
  ///   - metadata: Strings for the header's `__metadata__`, written in the order of their keys.
  ///   - halves: Whether elements are written as 16-bit floats, rounded to the nearest.
  /// - Throws: ``NetsError/Code/io`` naming the path.
  public static func write(
    _ tensors: [(name: String, tensor: Tensor)], metadata: [String: String] = [:],
    halves: Bool = false, to path: String
  ) throws(NetsError) {
    var names: Set<String> = ["__metadata__"]
    var parts: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0)):\(quoted($1))" }
      parts.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    }
    var offset = 0
    for (name, tensor) in tensors {
      precondition(names.insert(name).inserted, "the name '\(name)' is taken")
      let end = offset + (halves ? 2 : 4) * tensor.count
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      parts.append(
        "\(quoted(name)):{\"dtype\":\"\(halves ? "F16" : "F32")\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}"
      )
      offset = end
    }
    var header = Array("{\(parts.joined(separator: ","))}".utf8)
    // The elements begin at a multiple of eight bytes, as the reference writes them.
    header.append(contentsOf: [UInt8](repeating: 0x20, count: -header.count & 7))
    precondition(
      header.count <= SafetensorsFile.headerByteCountMax,
      "a header of \(header.count) bytes is above \(SafetensorsFile.headerByteCountMax)")
    try FileReplacement.write(path) { (append) throws(NetsError) in
      let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
      try (length + header).withUnsafeBufferPointer { (bytes) throws(NetsError) in
        try append(UnsafeRawBufferPointer(bytes))
      }
      for (_, tensor) in tensors {
        if halves {
          let bits = tensor.values.map { half($0).littleEndian }
          try bits.withUnsafeBufferPointer { (bytes) throws(NetsError) in
            try append(UnsafeRawBufferPointer(bytes))
          }
          continue
        }
        #if _endian(little)
          let values = tensor.values
        #else
          let values = tensor.values.map { $0.bitPattern.littleEndian }
        #endif
        try values.withUnsafeBufferPointer { (bytes) throws(NetsError) in
          try append(UnsafeRawBufferPointer(bytes))
        }
      }
    }
  }

  /// A JSON string.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\u{0}"..<" ":
        let hex = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

/// The bits of the half-precision number (IEEE 754) that is nearest, ties to even; infinity beyond
/// 65,519.
package func half(_ value: Float) -> UInt16 {
  let bits = value.bitPattern
  let sign = UInt16(truncatingIfNeeded: bits >> 16) & 0x8000
  let magnitude = bits & 0x7FFF_FFFF
  if magnitude > 0x7F80_0000 { return sign | 0x7E00 }
  if magnitude >= 0x477F_F000 { return sign | 0x7C00 }
  if magnitude < 0x3880_0000 {
    // Below the normal numbers: a multiple of 2^-24.
    let scaled = (Float(bitPattern: magnitude) * 0x1p24).rounded(.toNearestOrEven)
    return sign | UInt16(scaled)
  }
  let rounded = magnitude + 0xFFF + (magnitude >> 13 & 1)
  return sign | UInt16(truncatingIfNeeded: (rounded - 0x3800_0000) >> 13)
}
