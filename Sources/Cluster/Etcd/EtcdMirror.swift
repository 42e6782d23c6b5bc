/// A copy of some keys of etcd, kept up by reads and events; a plain value without I/O.
struct EtcdMirror {
    private var entries: [String: EtcdEntry] = [:]

    /// Takes what was read in place of everything before.
    /// - Returns: Whether a key came, went or has another value.
    mutating func replace(with read: [EtcdEntry]) -> Bool {
        let new = Dictionary(read.map { ($0.key, $0) }) { $1 }
        let isSame =
            new.count == entries.count && new.allSatisfy { entries[$0.key]?.value == $0.value.value }
        entries = new
        return !isSame
    }

    /// Takes changes in their order.
    /// - Returns: Whether a key came, went or has another value.
    mutating func apply(_ events: [EtcdEvent]) -> Bool {
        var hasChanged = false
        for event in events {
            switch event {
            case .put(let entry):
                let old = entries.updateValue(entry, forKey: entry.key)
                hasChanged = hasChanged || old?.value != entry.value
            case .delete(let key):
                hasChanged = entries.removeValue(forKey: key) != nil || hasChanged
            }
        }
        return hasChanged
    }

    /// Everything, in ascending order of keys, byte by byte as etcd has them.
    var sorted: [EtcdEntry] {
        entries.values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }
}
