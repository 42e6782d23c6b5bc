import Metadata
import Pages

extension FileSystem {
    /// Carries out a pseudo name's command and answers the lookup of it with a file that nothing may keep.
    func run(
        _ command: Command,
        _ name: UnsafeRawBufferPointer,
        in directory: Node
    ) throws(FileSystemError) -> NodeAttributes {
        var size: Int64 = 0
        switch command {
        case .drop: forgetPath(try inodes.find(directory.id).path)
        case .dropAll: forgetPath(.root)
        case .size: size = Int64(namespace.entryCount)
        }
        return describe(try inodes.addCommand(name, in: directory, size: size), validFor: .zero)
    }

    /// Forgets what is known of a name of the root and of everything below it, since it stands for another
    /// store now, or for nothing.
    ///
    /// The kernel forgets it too, also that there was no such name. What is open there, and changed, stays
    /// with the store that it was opened in.
    /// - Parameter name: One component.
    public func forgetRootEntry(_ name: [UInt8]) {
        let path = RelativePath(bytes: name)
        let entries = inodes.detach(atOrBelow: path)
        namespace.abandon(path)
        if let drop = options.dropKernelEntry {
            let root = inodes.root.id
            _ = pool.submit(.demand) {
                for (parent, name) in entries { drop(parent, name) }
                drop(root, name)
            }
        }
        // What could not be recovered without this store.
        recoverStaged(again: true)
    }

    /// Forgets what is known of a path and of everything below it, and has the kernel forget it too.
    /// - Parameter path: The path.
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
