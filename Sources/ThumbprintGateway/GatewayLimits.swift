/// The bounds that the API holds its clients to.
public enum GatewayLimits {
  /// Bytes of a JSON body, unless it is one of records.
  public static let jsonByteCountMax = 64 << 10
  /// Bytes of a JSON body of records.
  public static let recordsByteCountMax = 8 << 20
  /// Records that one request writes or deletes.
  public static let writeCountMax = 4096
  /// Bytes of bodies of records that are received and written at once.
  public static let recordsHeldByteCountMax = 32 << 20
  /// Bodies of records that are written at once.
  public static let writerCountMax = 4
  /// Bytes of a picture file.
  public static let pictureByteCountMax = 16 << 20
  /// Pixels of a picture that has to be decoded whole; about ten bytes of memory each.
  public static let pixelCountMax = 16_000_000
  /// Matches of one answer.
  public static let matchCountMax = 1000
  /// Records of one answer.
  public static let recordCountMax = 1000
  /// Records of one sample.
  public static let sampleCountMax = 250
  /// Bytes of pictures that are received and coded at once.
  public static let picturesHeldByteCountMax = 128 << 20
  /// Pictures that wait to be coded, or codes to be decoded.
  public static let waitingCountMax = 256
  /// How long the body of a request may take.
  public static let bodySeconds = 30
}
