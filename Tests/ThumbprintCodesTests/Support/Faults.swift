import Glibc
import Synchronization
import Testing
import ThumbprintCodes

/// What `body` throws; records an issue if it does not.
func fault(
  sourceLocation: SourceLocation = #_sourceLocation,
  _ body: () throws(CodedDatasetError) -> some Any
) -> CodedDatasetError? {
  do {
    _ = try body()
    Issue.record("expected an error, found none", sourceLocation: sourceLocation)
    return nil
  } catch {
    checkForm(of: error, sourceLocation: sourceLocation)
    return error
  }
}

/// Holds an error against the rules for every error: one line that starts with a path.
func checkForm(
  of error: CodedDatasetError, sourceLocation: SourceLocation = #_sourceLocation
) {
  let text = error.description + (error.hint ?? "")
  #expect(
    !text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F },
    "more than one line, or unprintable: \(text)", sourceLocation: sourceLocation)
  #expect(error.description.hasPrefix(error.path + ": "), sourceLocation: sourceLocation)
  #expect(!error.message.isEmpty && error.message.utf8.count < 500, sourceLocation: sourceLocation)
}

/// A disk that takes a number of bytes and is full then; now and then interrupted or half done.
final class SmallDisk: Sendable {
  private let state: Mutex<(room: Int, callCount: Int)>

  init(byteCount: Int) {
    state = Mutex((byteCount, 0))
  }

  var systemCalls: OutputFile.SystemCalls {
    var calls = OutputFile.SystemCalls()
    calls.write = { [self] descriptor, bytes, byteCount in
      state.withLock { state in
        state.callCount += 1
        if state.callCount % 3 == 0 {
          errno = EINTR
          return -1
        }
        if state.room == 0 {
          errno = ENOSPC
          return -1
        }
        let taken = min(byteCount, state.room, max(1, byteCount / 2))
        state.room -= taken
        return Glibc.write(descriptor, bytes, taken)
      }
    }
    return calls
  }
}
