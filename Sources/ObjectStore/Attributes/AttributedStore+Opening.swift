import Logging
public import Metadata
public import Pages

extension AttributedStore {
    /// Puts attribute objects over a bucket.
    /// - Parameters:
    ///   - next: What names and contents are read from: the bucket itself, or workers before it.
    ///   - store: The bucket, for everything that changes it.
    ///   - options: What the mount shows, and limits.
    /// - Throws: ``StoreError`` if the journal cannot be read.
    public convenience init(
        next: any MetadataSource & SpanSource,
        store: S3Store,
        options: AttributedStoreOptions
    ) throws(StoreError) {
        try self.init(next: next, objects: store, options: options)
    }
}
