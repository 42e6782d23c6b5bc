import CoreMetrics
import Glibc
import Logging
package import Volumes

/// What is looked at again and again: dead daemons, targets that show them, what nobody wants.
extension NodeVolumes {
    /// What is known of a volume at a target.
    package struct Condition: Sendable {
        /// What the daemon says of its size; nil if it does not answer.
        package var usage: MountCalls.Usage?
        /// What is wrong; nil: nothing.
        package var problem: String?
    }

    /// Says how a volume is.
    /// - Parameters:
    ///   - id: The volume.
    ///   - volumePath: A target of it, or where it is staged.
    /// - Returns: Its usage, and what is wrong.
    /// - Throws: ``VolumeError``: `notFound` if it is not there.
    package func condition(of id: String, at volumePath: String) throws(VolumeError) -> Condition {
        let record = files.record(of: id)
        guard let path = try? path(volumePath, "volume_path"),
            record.stagingPath == volumePath || record.targets.contains(where: { $0.path == path })
        else { throw VolumeError(.notFound, "volume '\(id)' is not at '\(volumePath)'") }
        guard let target = record.targets.first(where: { $0.path == path }) else { return Condition() }
        if let status = files.status(of: target.key), status.state == .failed {
            return Condition(problem: "the daemon cannot mount: \(status.reason ?? "")")
        }
        do throws(VolumeError) {
            let usage = try mounts.usage(of: path)
            return Condition(usage: usage, problem: deadMountSeen(at: path))
        } catch {
            return Condition(problem: "\(error)")
        }
    }

    /// Whether a pod still sees a daemon that has been replaced at a target.
    private func deadMountSeen(at path: String) -> String? {
        let layers = MountInfoTable.current().layers(at: path)
        guard layers.count > 1, let live = layers.last else { return nil }
        let dead = Set(layers.map(\.device)).subtracting([live.device])
        guard let process = ProcessFacts.processThatSees(deadDevices: dead) else { return nil }
        return
            "the daemon was replaced, and process \(process) of a pod sees only the dead one; "
            + "restart the pod, and "
            + "set mountPropagation: HostToContainer in it"
    }

    /// Shows the new daemon wherever one was replaced.
    package func repair() {
        let records = files.records()
        guard records.contains(where: { !$0.targets.isEmpty }) else { return }
        let plan = RepairPlan.targets(of: records, in: .current(), places: files.places)
        for (volume, target) in plan { repair(volume, target) }
    }

    private func repair(_ volume: String, _ target: VolumeRecord.Target) {
        do throws(VolumeError) {
            try locks.hold(volume, patience: .milliseconds(100)) { () throws(VolumeError) in
                let record = files.record(of: volume)
                guard record.targets.contains(target),
                    !RepairPlan.targets(of: [record], in: .current(), places: files.places).isEmpty
                else { return }
                try mounts.bind(
                    files.places.mountPoint(of: target.key),
                    target.directory,
                    onto: target.path,
                    isReadOnly: target.isReadOnly
                )
                repairs.increment()
                logger.notice("a target shows the new daemon", metadata: ["path": "\(target.path)"])
            }
        } catch {
            guard error.kind != .aborted else { return }
            logger.error(
                "a target still shows a dead daemon",
                metadata: ["path": "\(target.path)", "reason": "\(error)"]
            )
        }
    }

    /// Starts daemons that should run, and ends those that nobody uses; to be called once a second.
    package func check() {
        let used = Set(files.records().flatMap { Array($0.keys) })
        let keys = files.keys()
        runner.check(keys.filter(used.contains).compactMap { files.specification(of: $0) })
        for key in keys where !used.contains(key) { release(key) }
    }

    /// How many children hung until they were given up.
    package var hungCount: Int { mounts.hungCount }

    /// How much there is, for metrics: volumes, targets, daemons by state.
    package var counts: (volumes: Int, targets: Int, daemons: [DaemonStatus.State: Int]) {
        let records = files.records()
        let states = files.keys().map { files.status(of: $0)?.state ?? .starting }
        return (
            records.count, records.reduce(0) { $0 + $1.targets.count },
            Dictionary(states.map { ($0, 1) }, uniquingKeysWith: +)
        )
    }
}
