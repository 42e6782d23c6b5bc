/// Which targets show a daemon that has been replaced.
package enum RepairPlan {
    /// Finds the targets that need the mount that is at their key's place now.
    /// - Parameters:
    ///   - records: The volumes of the node.
    ///   - table: The mounts of the node.
    ///   - places: Where daemons are mounted.
    /// - Returns: Targets whose topmost mount is not of the daemon that serves their key; none of a key that
    ///   nobody serves.
    package static func targets(
        of records: some Sequence<VolumeRecord>,
        in table: MountInfoTable,
        places: NodePlaces
    ) -> [(volume: String, target: VolumeRecord.Target)] {
        var found: [(volume: String, target: VolumeRecord.Target)] = []
        for record in records {
            for target in record.targets where needsRepair(target, table, places) {
                found.append((record.id, target))
            }
        }
        return found
    }

    private static func needsRepair(
        _ target: VolumeRecord.Target,
        _ table: MountInfoTable,
        _ places: NodePlaces
    ) -> Bool {
        guard let live = table.top(at: places.mountPoint(of: target.key)), live.isOurs else { return false }
        guard let shown = table.top(at: target.path) else { return true }
        return shown.device != live.device
    }
}
