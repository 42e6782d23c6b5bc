/// Takes the bytes of a span as they arrive, in order.
///
/// - Parameter bytes: The next bytes; valid during the call only, never empty.
/// - Throws: ``StoreError/cancelled`` (or a storage error) to end the transfer; the source then throws the
///   same error to its caller.
public typealias SpanSink = (_ bytes: UnsafeRawBufferPointer) throws(StoreError) -> Void

/// A link of the chain that can produce the bytes of a version: the object store, a worker, a local store.
///
/// Each link knows only the next one. Any thread may call it; the call runs and waits on the caller's thread.
public protocol SpanSource: Sendable {
    /// Reads one span of one version, streaming.
    ///
    /// The sink gets exactly the bytes of the span, in order, each once, also across retries inside the
    /// source. Bytes of another version are never given out.
    /// - Parameters:
    ///   - span: Not empty, and inside the version's size.
    ///   - version: What to read.
    ///   - sink: Takes the bytes as they arrive, on this thread.
    /// - Throws: ``StoreError/stale`` if that version is gone (also after some bytes were given out, for a
    ///   source that retries), or another ``StoreError``. A transfer that ends short is an error.
    func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError)
}
