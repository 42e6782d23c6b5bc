internal import CLinux
internal import Glibc
public import Metadata
public import Pages

/// A directory of this machine as a store: `file:///dir`.
///
/// Reading is here; how it is changed is in the extensions beside this file.
///
/// No path leads out of the directory: symbolic links are shown as links and never followed here. A version
/// is device, inode, size, mtime and ctime; two changes within one tick of the file system's clock that
/// keep the size look like one. Any thread may call it.
public final class LocalStore: MetadataSource, SpanSource {
    /// The most bytes that are read, checked and given to a sink at once.
    static let pieceBytes = 256 << 10

    let root: LocalRoot
    private let prefix: [UInt8]

    /// Opens a directory as a store.
    /// - Parameters:
    ///   - root: The directory's absolute path; symbolic links on the way to it are followed.
    ///   - uri: Its address in the under file system, for example `file:///dir`.
    /// - Throws: ``LocalStoreError``, also if this user could not list the directory.
    public convenience init(root: String, uri: String) throws(LocalStoreError) {
        try self.init(root: root, uri: uri, allowsOpenat2: true)
    }

    init(root path: String, uri: String, allowsOpenat2: Bool) throws(LocalStoreError) {
        guard path.hasPrefix("/") else { throw .notAbsolute(path) }
        do throws(LocalRoot.Failure) {
            root = try LocalRoot(path: path, allowsOpenat2: allowsOpenat2)
            _ = try root.open(.root, flags: O_RDONLY | O_DIRECTORY)
        } catch {
            throw LocalStoreError(code: error.code, path: path)
        }
        prefix = Array(uri.utf8)
    }

    /// The address of a path in the under file system.
    /// - Parameter path: A path inside the mount.
    /// - Returns: The store's address, a slash and the path.
    public func uri(of path: RelativePath) -> UFSURI {
        guard !path.isRoot else { return UFSURI(bytes: prefix) }
        let slash = UInt8(ascii: "/")
        return UFSURI(bytes: prefix + (prefix.last == slash ? [] : [slash]) + path.bytes)
    }

    /// What one name stands for, asked of the file system now; a symbolic link is itself.
    /// - Parameters:
    ///   - path: A path inside the mount, or the root.
    ///   - known: Not needed.
    /// - Returns: Its attributes, native ones included.
    /// - Throws: ``StoreError/notFound``, or another ``StoreError``.
    public func attributes(of path: RelativePath, known: EntryKind?) throws(StoreError) -> Attributes {
        try attempt("look up", path) { () throws(LocalRoot.Failure) in
            LocalAttributes.attributes(try root.open(path, flags: alluxio_o_path).status())
        }
    }

    /// All entries of a directory, each with its attributes, as the file system gives them.
    /// - Parameters:
    ///   - directory: A path inside the mount, or the root.
    ///   - token: Always nil, since there is one page.
    ///   - sink: Takes the entries.
    /// - Returns: The end of the directory, and how many names it has whose attributes may not be read.
    /// - Throws: ``StoreError/notFound`` if there is no such directory, or another ``StoreError``.
    public func list(
        _ directory: RelativePath,
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        guard token == nil else { throw .unsupported("\(uri(of: directory)): a local listing has one page") }
        return try attempt("list", directory) { () throws(LocalRoot.Failure) in
            let opened = try root.open(directory, flags: O_RDONLY | O_DIRECTORY)
            return ListingPage(next: nil, hidden: try DirectoryReader(opened).forEach(sink))
        }
    }

    /// Where a symbolic link points.
    /// - Parameter path: A path inside the mount.
    /// - Returns: The link's text, as bytes.
    /// - Throws: ``StoreError/unsupported(_:)`` if the path is no link, or another ``StoreError``.
    public func linkTarget(of path: RelativePath) throws(StoreError) -> [UInt8] {
        let target = try attempt("read the link", path) { () throws(LocalRoot.Failure) -> [UInt8]? in
            let file = try root.open(path, flags: alluxio_o_path)
            return try file.status().st_mode & S_IFMT == S_IFLNK ? file.linkText() : nil
        }
        guard let target else { throw .unsupported("\(uri(of: path)) is not a symbolic link") }
        return target
    }

    /// Reads one span of one version, and checks the version before any byte is given out.
    /// - Parameters:
    ///   - span: Not empty, and inside the version's size.
    ///   - version: What to read.
    ///   - sink: Takes the bytes in pieces of up to 256 KiB, on this thread.
    /// - Throws: ``StoreError/stale`` if that version is gone, what the sink threw, or another
    ///   ``StoreError``.
    public func fetch(_ span: Span, of version: FileVersion, into sink: SpanSink) throws(StoreError) {
        precondition(span.end <= version.size, "a span lies inside its version")
        guard let path = path(of: version.uri) else {
            throw .unsupported("\(version.uri) is not in \(UFSURI(bytes: prefix))")
        }
        let file: OpenFile
        do throws(StoreError) {
            file = try attempt("open", path) { () throws(LocalRoot.Failure) in
                // Without O_NONBLOCK the open of a FIFO that took the file's place would wait for a writer.
                try root.open(path, flags: O_RDONLY | O_NONBLOCK)
            }
        } catch {
            throw error == .notFound ? .stale : error
        }
        try check(file, version, path)
        try read(span, of: version, at: path, from: file, into: sink)
    }

    private func read(
        _ span: Span,
        of version: FileVersion,
        at path: RelativePath,
        from file: OpenFile,
        into sink: SpanSink
    ) throws(StoreError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: min(span.count, Self.pieceBytes),
            alignment: 4096
        )
        defer { buffer.deallocate() }
        var offset = span.offset
        while offset < span.end {
            let wanted = Int(min(Int64(buffer.count), span.end - offset))
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
            let count = try attempt("read", path) { () throws(LocalRoot.Failure) in
                try file.read(into: piece, at: offset)
            }
            // The status is taken after the bytes, so that bytes of a later version are found out here.
            try check(file, version, path)
            guard count > 0 else { throw .stale }
            try sink(UnsafeRawBufferPointer(rebasing: piece[..<count]))
            offset += Int64(count)
        }
    }

    private func check(_ file: OpenFile, _ version: FileVersion, _ path: RelativePath) throws(StoreError) {
        let now = try attempt("look up", path) { () throws(LocalRoot.Failure) in
            LocalAttributes.attributes(try file.status())
        }
        guard now.kind == .file, now.etag == version.etag, now.size == version.size else { throw .stale }
    }

    private func path(of uri: UFSURI) -> RelativePath? {
        let slash = UInt8(ascii: "/")
        let directory = prefix.last == slash ? prefix : prefix + [slash]
        guard uri.bytes.starts(with: directory), uri.bytes.count > directory.count else { return nil }
        return RelativePath(bytes: Array(uri.bytes[directory.count...]))
    }

    /// Runs system calls and puts what they say of a path into the words of the chain.
    private func attempt<Result>(
        _ action: String,
        _ path: RelativePath,
        _ body: () throws(LocalRoot.Failure) -> Result
    ) throws(StoreError) -> Result {
        do throws(LocalRoot.Failure) {
            return try body()
        } catch {
            throw Self.storeError(error.code, "cannot \(action) \(uri(of: path))")
        }
    }

    static func storeError(_ code: Int32, _ what: String) -> StoreError {
        let text = "\(what): \(String(cString: strerror(code)))"
        return switch code {
        // A link where a directory or file should be: the name means something else now. ENXIO: a socket.
        case ENOENT, ENOTDIR, ELOOP, EXDEV, ENXIO: .notFound
        case ESTALE: .stale
        case EACCES, EPERM: .denied(text)
        case ENAMETOOLONG, EOVERFLOW, EINVAL: .unsupported(text)
        default: .unavailable(text)
        }
    }
}
