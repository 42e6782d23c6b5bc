import Metadata
import Pages

extension FileSystem {
    /// Carries out a pseudo name's command and answers the lookup of it with a file that nothing may keep.
    func run(
        _ command: Command,
        _ name: UnsafeRawBufferPointer,
        in directory: Node,
        hash: UInt64
    ) throws(FileSystemError) -> NodeAttributes {
        var size: Int64 = 0
        switch command {
        case .drop: forgetPath(try inodes.find(directory.id).path)
        case .dropAll: forgetPath(.root)
        case .size: size = Int64(namespace.entryCount)
        }
        return describe(try inodes.addCommand(name, in: directory, hash: hash, size: size), validFor: .zero)
    }

    /// Forgets what is known of a path and of everything below it, and has the kernel forget it too.
    func forgetPath(_ path: RelativePath) {
        namespace.invalidate(path)
        guard let drop = options.dropKernelEntry else { return }
        let inodes = inodes
        // Not on this thread: the kernel holds the directory while it waits for the answer to this very
        // request.
        _ = pool.submit(.demand) {
            for (parent, name) in inodes.entries(atOrBelow: path) { drop(parent, name) }
        }
    }
}
