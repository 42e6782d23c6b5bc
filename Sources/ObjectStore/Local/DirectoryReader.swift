internal import Glibc
internal import Metadata

/// Reads the names of one open directory with their attributes.
struct DirectoryReader {
    private let directory: OpenFile

    init(_ directory: OpenFile) {
        self.directory = directory
    }

    /// Gives every entry to a sink, on this thread.
    /// - Parameter sink: Takes name and attributes.
    /// - Returns: How many names there are whose attributes may not be read.
    /// - Throws: The errno; ENOENT if the directory was removed meanwhile.
    func forEach(_ sink: EntrySink) throws(LocalRoot.Failure) -> Int {
        let copy = fcntl(directory.descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw LocalRoot.Failure(code: errno) }
        guard let stream = fdopendir(copy) else {
            let code = errno
            close(copy)
            throw LocalRoot.Failure(code: code)
        }
        defer { closedir(stream) }
        var hidden = 0
        while let entry = try next(stream) {
            // Some file systems' names go on behind the declared end of the record's field, so by address.
            let name = UnsafeRawPointer(entry).advanced(by: Self.nameOffset)
            let text = name.assumingMemoryBound(to: CChar.self)
            let length = strlen(text)
            if Self.isDot(name, length) { continue }
            var status = stat()
            guard fstatat(directory.descriptor, text, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
                if errno == ENOENT { continue }  // removed since it was listed
                guard errno == EACCES || errno == EPERM else { throw LocalRoot.Failure(code: errno) }
                hidden += 1
                continue
            }
            sink(UnsafeRawBufferPointer(start: name, count: length), LocalAttributes.attributes(status))
        }
        // The end of a removed directory looks like the end of an empty one.
        guard try directory.status().st_nlink > 0 else { throw LocalRoot.Failure(code: ENOENT) }
        return hidden
    }

    private func next(_ stream: OpaquePointer) throws(LocalRoot.Failure) -> UnsafeMutablePointer<dirent>? {
        errno = 0
        if let entry = readdir(stream) { return entry }
        guard errno == 0 else { throw LocalRoot.Failure(code: errno) }
        return nil
    }

    private static let nameOffset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0

    private static func isDot(_ name: UnsafeRawPointer, _ length: Int) -> Bool {
        let dot = UInt8(ascii: ".")
        let bytes = UnsafeRawBufferPointer(start: name, count: length)
        return length <= 2 && bytes.allSatisfy { $0 == dot }
    }
}
