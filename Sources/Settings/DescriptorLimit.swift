import Glibc
package import Logging

/// How many descriptors this process may have open.
package enum DescriptorLimit {
    /// Raises it to what the system allows this process; a refusal is logged and nothing else happens.
    /// - Parameter logger: Where a refusal goes.
    package static func raise(_ logger: Logger) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 {
            logger.warning("descriptor limit cannot be raised", metadata: ["reason": "\(systemText(errno))"])
        }
    }
}
