import Glibc
import Logging
import SmallFiles

/// What a daemon left in its staging directory.
enum StagedRemains {
    /// Removes a staging directory that holds nothing that was not stored; keeps and names one that does.
    static func clean(_ directory: String, _ logger: Logger) {
        let kept =
            DirectoryNames.read(directory).filter { $0.hasSuffix(".data") }
            + DirectoryNames.read("\(directory)/lost")
        guard kept.isEmpty else {
            logger.error(
                "files were not stored and are kept",
                metadata: ["directory": "\(directory)", "count": "\(kept.count)"]
            )
            return
        }
        remove(directory, depth: 0)
    }

    private static func remove(_ directory: String, depth: Int) {
        guard depth < 8 else { return }
        for name in DirectoryNames.read(directory) where unlink("\(directory)/\(name)") != 0 {
            remove("\(directory)/\(name)", depth: depth + 1)
        }
        rmdir(directory)
    }
}
