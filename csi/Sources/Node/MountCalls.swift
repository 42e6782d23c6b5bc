import CMounts
import FoundationEssentials
import Glibc
import Synchronization
package import Volumes

/// The system calls on mounts that might wait for a daemon; made by a child process, which can be left
/// behind.
package enum MountCalls {
    /// Shows a directory of a mount at another place, on top of what is there.
    /// - Throws: A ``VolumeError`` that names the directory or the place.
    package static func bind(
        _ mountPoint: String,
        _ directory: [String],
        onto target: String,
        isReadOnly: Bool
    ) throws(VolumeError) {
        let root = csi_open_place(mountPoint)
        guard root >= 0 else { throw failure("cannot open '\(mountPoint)'", -root) }
        defer { close(root) }
        var status = stat()
        guard fstatat(root, "", &status, csi_empty_path()) == 0 else { throw unanswered(mountPoint, errno) }
        let path = directory.joined(separator: "/")
        let place = directory.isEmpty ? root : csi_open_inside(root, path)
        guard place >= 0 else {
            switch -place {
            case ENOENT:
                throw VolumeError(.notFound, "the volume's path '\(path)' is not there; make it first")
            case ENOTDIR: throw .invalid("the volume's path '\(path)' is no directory")
            case ELOOP, EXDEV: throw .invalid("the volume's path '\(path)' leads through a symbolic link")
            case EACCES: throw VolumeError(.permissionDenied, "the volume's path '\(path)' may not be read")
            default: throw failure("cannot open the volume's path '\(path)'", -place)
            }
        }
        defer { if place != root { close(place) } }
        let tree = csi_clone_mount(place, isReadOnly ? 1 : 0)
        guard tree >= 0 else { throw failure("cannot copy the mount '\(mountPoint)'", -tree) }
        defer { close(tree) }
        let there = csi_open_place(target)
        guard there >= 0 else { throw failure("cannot open the target '\(target)'", -there) }
        defer { close(there) }
        let outcome = csi_attach_mount(tree, there)
        guard outcome == 0 else { throw failure("cannot mount on '\(target)'", -outcome) }
    }

    /// What a mount says of itself.
    package struct Usage: Codable, Hashable, Sendable {
        /// Bytes: available, in all, used.
        package var bytes: [Int64]
        /// Inodes: available, in all, used.
        package var inodes: [Int64]
    }

    /// Asks the daemon of a mount.
    /// - Throws: A ``VolumeError``: `failedPrecondition` if the daemon is dead.
    package static func usage(of path: String) throws(VolumeError) -> Usage {
        var status = stat()
        guard stat(path, &status) == 0 else { throw unanswered(path, errno) }
        var totals = statvfs()
        guard statvfs(path, &totals) == 0 else { throw unanswered(path, errno) }
        let unit = Int64(totals.f_frsize)
        return Usage(
            bytes: [
                Int64(totals.f_bavail) * unit, Int64(totals.f_blocks) * unit,
                Int64(totals.f_blocks - totals.f_bfree) * unit,
            ],
            inodes: [
                Int64(totals.f_favail), Int64(totals.f_files), Int64(totals.f_files - totals.f_ffree),
            ]
        )
    }

    private static func unanswered(_ path: String, _ code: Int32) -> VolumeError {
        switch code {
        case ENOENT: VolumeError(.notFound, "'\(path)' is not there")
        case ENOTCONN, ECONNABORTED: VolumeError(.failedPrecondition, "the daemon of '\(path)' is dead")
        default: failure("'\(path)' does not answer", code)
        }
    }

    private static func failure(_ what: String, _ code: Int32) -> VolumeError {
        VolumeError(.internal, "\(what): \(text(of: code))")
    }
}

/// Runs ``MountCalls`` in child processes, and what cannot wait right here.
package final class Mounts: Sendable {
    /// How long a call may take.
    private static let deadline = Duration.seconds(5)
    /// The most layers that are taken away from one place.
    private static let layersMaximum = 1000

    private let program: String
    private let hung = Atomic(0)

    /// Prepares to call.
    /// - Parameter program: This program, which knows `bind` and `probe`.
    package init(program: String = "/proc/self/exe") { self.program = program }

    /// How many children hung until they were given up.
    package var hungCount: Int { hung.load(ordering: .relaxed) }

    /// As ``MountCalls/bind(_:_:onto:isReadOnly:)``.
    package func bind(
        _ mountPoint: String,
        _ directory: [String],
        onto target: String,
        isReadOnly: Bool
    ) throws(VolumeError) {
        let flag = isReadOnly ? ["--read-only"] : []
        _ = try call(["bind"] + flag + ["--", mountPoint, target] + directory, about: mountPoint)
    }

    /// As ``MountCalls/usage(of:)``.
    package func usage(of path: String) throws(VolumeError) -> MountCalls.Usage {
        let answer = try call(["probe", "--", path], about: path)
        guard let usage = try? JSONDecoder().decode(MountCalls.Usage.self, from: Data(answer.utf8)) else {
            throw VolumeError(.internal, "'\(path)' could not be asked: 'probe' answered '\(answer)'")
        }
        return usage
    }

    /// Takes away everything that is mounted right at a place; asks no daemon.
    /// - Throws: A ``VolumeError`` if something stays.
    package static func detachAll(_ path: String) throws(VolumeError) {
        guard MountInfoTable.current().top(at: path) != nil else { return }
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        let parent = csi_open_place(String(path.dropLast(name.utf8.count + 1)))
        guard parent >= 0 else {
            throw VolumeError(.internal, "cannot open the directory of '\(path)': \(text(of: -parent))")
        }
        defer { close(parent) }
        for _ in 0..<layersMaximum {
            let outcome = csi_detach_mount(parent, name)
            if outcome == -EINVAL || outcome == -ENOENT { break }
            guard outcome == 0 else {
                throw VolumeError(.internal, "cannot unmount '\(path)': \(text(of: -outcome))")
            }
        }
        guard MountInfoTable.current().top(at: path) == nil else {
            throw VolumeError(.internal, "'\(path)' is still mounted after \(layersMaximum) layers")
        }
    }

    /// A child's exit status for a ``VolumeError``, and back.
    package static func status(of kind: VolumeError.Kind) -> Int32 {
        Int32(kinds.firstIndex(of: kind) ?? 0) + 10
    }

    private static let kinds: [VolumeError.Kind] = [
        .internal, .notFound, .invalidArgument, .permissionDenied, .failedPrecondition,
    ]

    private func call(_ arguments: [String], about path: String) throws(VolumeError) -> String {
        let outcome: ProcessOutcome?
        do {
            outcome = try ProcessRun.run([program] + arguments, within: Self.deadline)
        } catch {
            throw VolumeError(.internal, error.description)
        }
        guard let outcome else {
            hung.add(1, ordering: .relaxed)
            throw VolumeError(
                .deadlineExceeded,
                "the daemon of '\(path)' has not answered for \(Self.deadline); see its log"
            )
        }
        if outcome.status == 0 { return outcome.output }
        let index = Int(outcome.status ?? 10) - 10
        let kind = Self.kinds.indices.contains(index) ? Self.kinds[index] : .internal
        throw VolumeError(kind, outcome.lastLine)
    }
}
