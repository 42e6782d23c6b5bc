import Glibc

/// What the system says of this process.
public enum ProcessGauges {
    /// Adds gauges of memory, descriptors, threads and start time to a registry.
    /// - Parameters:
    ///   - registry: Takes the gauges.
    ///   - version: The daemon's version, for `alluxio_version_info`.
    public static func add(to registry: PrometheusRegistry, version: String) {
        let started = Double(time(nil))
        registry.addGauge("alluxio_fuse_start_time_seconds") { started }
        registry.addGauge("alluxio_fuse_resident_bytes") { Double(residentBytes()) }
        registry.addGauge("alluxio_fuse_open_descriptors") { Double(entries(of: "/proc/self/fd")) }
        registry.addGauge("alluxio_fuse_threads") { Double(entries(of: "/proc/self/task")) }
        registry.addGauge("alluxio_version_info", labels: [("version", version)]) { 1 }
    }

    /// Resident memory of this process.
    /// - Returns: Bytes; 0 if the system does not say.
    public static func residentBytes() -> Int {
        let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 128)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return 0 }
        let fields = String(decoding: bytes[..<count], as: UTF8.self).split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { return 0 }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }

    private static func entries(of directory: String) -> Int {
        guard let stream = opendir(directory) else { return 0 }
        defer { closedir(stream) }
        var count = 0
        while readdir(stream) != nil { count += 1 }
        return max(0, count - 2)
    }
}
