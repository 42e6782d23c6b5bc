internal import CLinux
internal import Glibc
internal import Metadata

/// The root directory of a local store, and the only way to files below it.
///
/// A path is opened without following any symbolic link and cannot leave the root, also while others move
/// directories about. Any thread may call it.
final class LocalRoot: Sendable {
    /// A call that failed, as its errno.
    struct Failure: Error, Hashable {
        let code: Int32
    }

    /// The longest path that the kernel takes in one call, its terminating zero included.
    private static let pathBytesMaximum = 4096

    private let descriptor: Int32
    /// Whether the kernel confines paths for us (`openat2`, Linux 5.6; some sandboxes refuse it).
    private let isConfinedByKernel: Bool

    /// Opens the root; symbolic links on the way to it are followed.
    init(path: String, allowsOpenat2: Bool = true) throws(Failure) {
        descriptor = Glibc.open(path, alluxio_o_path | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(code: errno) }
        let probe = allowsOpenat2 ? alluxio_open_beneath(descriptor, ".", UInt64(alluxio_o_path)) : -ENOSYS
        isConfinedByKernel = probe >= 0
        if probe >= 0 { close(probe) }
    }

    deinit {
        close(descriptor)
    }

    /// Opens a path below the root.
    /// - Parameters:
    ///   - path: The root gives the root itself.
    ///   - flags: `O_NOFOLLOW` and `O_CLOEXEC` are added.
    /// - Returns: The open file; closed by its `deinit`.
    /// - Throws: The errno; a path no file can have gives ENOENT.
    func open(_ path: RelativePath, flags: Int32) throws(Failure) -> OpenFile {
        guard !path.bytes.contains(0) else { throw Failure(code: ENOENT) }
        guard !path.isRoot else { return try openBeneath([UInt8(ascii: "."), 0], flags) }
        if isConfinedByKernel, path.bytes.count < Self.pathBytesMaximum {
            return try openBeneath(path.bytes + [0], flags)
        }
        return try walk(path.bytes, flags)
    }

    /// A name below the root and the open directory that holds it, for calls that change names.
    /// - Parameter path: The root gives the name `.` in itself.
    /// - Returns: The place; nothing need be there.
    /// - Throws: The errno; ENOENT if no file can have that name, or a link is on the way.
    func place(of path: RelativePath) throws(Failure) -> LocalPlace {
        guard let parent = path.parent else {
            return LocalPlace(directory: try open(.root, flags: alluxio_o_path | O_DIRECTORY), name: ".".utf8)
        }
        let name = path.name
        let isName = !name.isEmpty && !name.contains(0)
        guard isName, !name.elementsEqual(".".utf8), !name.elementsEqual("..".utf8) else {
            throw Failure(code: ENOENT)
        }
        return LocalPlace(directory: try open(parent, flags: alluxio_o_path | O_DIRECTORY), name: name)
    }

    private func openBeneath(_ path: [UInt8], _ flags: Int32) throws(Failure) -> OpenFile {
        guard isConfinedByKernel else { return try openat(descriptor, path, flags) }
        // EAGAIN: a rename crossed our way, and the kernel could not tell whether we are still inside.
        for _ in 0..<16 {
            let opened = path.withUnsafeBytes { bytes in
                alluxio_open_beneath(
                    descriptor,
                    bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                    UInt64(flags | O_NOFOLLOW)
                )
            }
            if opened >= 0 { return OpenFile(descriptor: opened) }
            guard opened == -EAGAIN || opened == -EINTR else { throw Failure(code: -opened) }
        }
        throw Failure(code: EAGAIN)
    }

    /// Opens component by component, without following links.
    private func walk(_ path: [UInt8], _ flags: Int32) throws(Failure) -> OpenFile {
        let components = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        var directory: OpenFile?
        for (index, component) in components.enumerated() {
            let isName = !component.isEmpty && !component.elementsEqual([UInt8(ascii: ".")])
            guard isName, !component.elementsEqual("..".utf8) else { throw Failure(code: ENOENT) }
            let isLast = index == components.count - 1
            directory = try openat(
                directory?.descriptor ?? descriptor,
                Array(component) + [0],
                isLast ? flags : alluxio_o_path | O_DIRECTORY
            )
        }
        guard let directory else { throw Failure(code: ENOENT) }
        return directory
    }

    private func openat(_ directory: Int32, _ name: [UInt8], _ flags: Int32) throws(Failure) -> OpenFile {
        while true {
            let opened = name.withUnsafeBytes { bytes -> Int32 in
                guard let text = bytes.baseAddress?.assumingMemoryBound(to: CChar.self) else { return -1 }
                return Glibc.openat(directory, text, flags | O_NOFOLLOW | O_CLOEXEC)
            }
            if opened >= 0 { return OpenFile(descriptor: opened) }
            guard errno == EINTR else { throw Failure(code: errno) }
        }
    }
}
