package import Logging
import Synchronization
import Threading
package import Volumes

/// Where the daemons of a node run.
///
/// Any thread may call.
package protocol DaemonRunner: Sendable {
    /// Makes sure that somebody keeps a daemon; returns at once. What it mounts lies in its directory
    /// already.
    /// - Throws: A ``VolumeError`` if nobody can.
    func start(_ specification: DaemonSpecification) throws(VolumeError)

    /// Ends a daemon that is not wanted any more, and waits for it.
    /// - Parameters:
    ///   - key: Its sharing key.
    ///   - deadline: How long to wait.
    /// - Returns: Whether it has ended; else it is still storing what was written.
    func stop(_ key: String, within deadline: Duration) -> Bool

    /// Why nobody keeps a daemon yet, for whoever has waited for it in vain; nil: somebody does.
    func trouble(of key: String) -> String?

    /// Starts what should run and does not; to be called once a second.
    /// - Parameter wanted: All daemons that are wanted.
    func check(_ wanted: [DaemonSpecification])
}

/// Daemons as children of the node plugin, each with a ``Keeper`` on a thread of its own.
package final class ProcessDaemons: DaemonRunner {
    private struct Kept {
        var keeper: Keeper
        var ended: Gate
    }

    private let files: StateFiles
    private let options: Keeper.Options
    private let logger: Logger
    private let kept = Mutex<[String: Kept]>([:])

    /// Prepares to run daemons.
    package init(files: StateFiles, options: Keeper.Options, logger: Logger) {
        (self.files, self.options, self.logger) = (files, options, logger)
    }

    package func start(_ specification: DaemonSpecification) throws(VolumeError) {
        let key = specification.key
        let new = kept.withLock { kept -> Kept? in
            guard kept[key] == nil else { return nil }
            let keeper = Keeper(key: key, files: files, options: options, logger: logger)
            let new = Kept(keeper: keeper, ended: Gate())
            kept[key] = new
            return new
        }
        guard let new else { return }
        do {
            try NamedThread.start("keeper") { [self] in
                _ = new.keeper.run()
                kept.withLock { $0[key] = nil }
                new.ended.open()
            }
        } catch {
            kept.withLock { $0[key] = nil }
            throw VolumeError(.unavailable, error.description)
        }
    }

    package func stop(_ key: String, within deadline: Duration) -> Bool {
        guard let found = kept.withLock({ $0[key] }) else { return true }
        found.keeper.stop()
        return found.ended.wait(atMost: deadline)
    }

    package func trouble(of key: String) -> String? { nil }

    package func check(_ wanted: [DaemonSpecification]) {
        for specification in wanted {
            do throws(VolumeError) {
                try start(specification)
            } catch {
                logger.error("no keeper for a daemon", metadata: ["reason": "\(error)"])
            }
        }
    }
}
