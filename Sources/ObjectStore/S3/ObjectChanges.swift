import Metadata
import Pages

/// What can be changed in a bucket, object by object: ``S3Store`` in the daemon.
///
/// Paths are those of the mount. Every call retries within the store's deadlines, waits on the caller's
/// thread,
/// and names the object in its errors. A condition that did not hold is ``StoreError/stale``, for
/// ``ChangeCondition/absent`` it is ``StoreError/exists``. Where the endpoint ignores conditions they are
/// left
/// out (see ``conditions()``).
protocol ObjectChanges: MetadataSource, SpanSource {
    /// Which conditions the endpoint honours; probed at the first call, which may wait.
    func conditions() -> HonouredConditions

    /// Whether one kind of request honours its conditions; probes nothing else.
    func honours(_ group: S3ConditionGroup) -> Bool

    /// Stores an object from memory, with user metadata whose names lack `x-amz-meta-`; gives its
    /// attributes as a
    /// listing would show them.
    func put(
        _ bytes: [UInt8],
        at path: RelativePath,
        if condition: ChangeCondition,
        metadata: [(name: String, value: String)]
    ) throws(StoreError) -> Attributes

    /// The whole of a small object, in one GET; one of more than `limit` bytes is ``StoreError/corrupt(_:)``.
    func read(_ path: RelativePath, limit: Int) throws(StoreError) -> (bytes: [UInt8], attributes: Attributes)

    /// Copies an object inside of the store, in several parts where one request is not enough.
    ///
    /// The etag of `known` is a condition of the copy; nil metadata keeps the source's. Gives what the
    /// target is
    /// now.
    func copy(
        _ path: RelativePath,
        known: Attributes,
        to target: RelativePath,
        if condition: ChangeCondition,
        metadata: [(name: String, value: String)]?
    ) throws(StoreError) -> Attributes

    /// Deletes one object; one that is not there is no error.
    func delete(_ path: RelativePath, if condition: ChangeCondition) throws(StoreError)

    /// Deletes many objects, by DeleteObjects (1000 a request) where the endpoint has it.
    func delete(_ paths: [RelativePath]) throws(StoreError)

    /// Makes the marker of a directory: the key of its path and a slash, empty.
    func putMarker(_ directory: RelativePath) throws(StoreError) -> Attributes

    /// Deletes the marker of a directory; one that is not there is no error.
    func deleteMarker(_ directory: RelativePath) throws(StoreError)

    /// Whether there is any key below a directory, its marker and `except` aside; one LIST of a few keys.
    func hasKeys(below directory: RelativePath, except: [RelativePath]) throws(StoreError) -> Bool

    /// New contents of an object on their way; see ``ContentUpload``. The attributes that it is committed
    /// with
    /// are left to the caller: `metadata` is asked at the commit.
    func upload(
        to path: RelativePath,
        metadata: @escaping @Sendable (POSIXAttributes?) -> [(name: String, value: String)]
    ) -> any ContentUpload

    /// Aborts uploads below the prefix that were begun before a moment (nanoseconds since 1970) and never
    /// ended;
    /// gives how many.
    func abortUploads(begunBefore moment: Int64) throws(StoreError) -> Int
}

/// Which conditional requests an endpoint honours.
struct HonouredConditions: Hashable, Sendable {
    /// `If-None-Match: *` and `If-Match` on PutObject.
    var put = false
    /// The same on CompleteMultipartUpload.
    var complete = false
    /// The same on CopyObject, for the target.
    var copy = false
    /// `x-amz-copy-source-if-match` on CopyObject and UploadPartCopy.
    var copySource = false
    /// `If-Match` on DeleteObject.
    var delete = false
}
