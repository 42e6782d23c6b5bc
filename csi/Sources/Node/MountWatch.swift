import Glibc
package import Threading

/// Calls a closure whenever a mount of this namespace has come or gone, and another one once a second.
package enum MountWatch {
    /// Starts a thread that lives as long as the process.
    /// - Parameters:
    ///   - onChange: After a change of mounts, soon.
    ///   - everySecond: About once a second.
    /// - Throws: Why there is no thread.
    package static func start(
        onChange: @escaping @Sendable () -> Void,
        everySecond: @escaping @Sendable () -> Void
    ) throws(ThreadRefusal) {
        try NamedThread.start("mount-watch") {
            // The kernel says POLLPRI on it when the table has changed since it was read or polled last.
            let table = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)
            var next = MonotonicInstant.now
            while true {
                var end = pollfd(fd: table, events: Int16(POLLPRI), revents: 0)
                if poll(&end, 1, 250) > 0 { onChange() }
                guard next < .now else { continue }
                everySecond()
                next = .now + .seconds(1)
            }
        }
    }
}
