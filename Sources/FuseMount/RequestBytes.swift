import FileSystem

/// A component's bytes, or the bytes of a write: lent by the request while its callback runs, or our own.
enum RequestBytes {
    case lent(UnsafeRawBufferPointer)
    case owned([UInt8])

    /// The same bytes, whatever becomes of the request.
    var owned: RequestBytes {
        guard case .lent(let bytes) = self else { return self }
        return .owned(Array(bytes))
    }

    func withBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws(FileSystemError) -> Result
    ) throws(FileSystemError) -> Result {
        switch self {
        case .lent(let bytes):
            return try body(bytes)
        case .owned(let bytes):
            let outcome: Swift.Result<Result, FileSystemError> = bytes.withUnsafeBytes { raw in
                do throws(FileSystemError) {
                    return .success(try body(raw))
                } catch {
                    return .failure(error)
                }
            }
            return try outcome.get()
        }
    }
}
