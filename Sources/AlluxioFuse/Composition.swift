import Telemetry

/// The chain of parts, put together.
final class Composition: Sendable {
    init(plan: MountPlan, registry: PrometheusRegistry) throws(Failure) {
        throw Failure("composition is not written")
    }
    func mount() throws(Failure) {}
    func serve() {}
    func unmount(byForce: Bool) {}
    func housekeep() {}
}
