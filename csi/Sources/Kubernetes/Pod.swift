/// A pod, as far as the plugin looks into it.
public struct Pod: Hashable, Sendable {
    /// How far it is, in the words of its status.
    public enum Phase: String, Hashable, Sendable {
        /// Not all of its containers run yet.
        case pending = "Pending"
        /// Its containers were started.
        case running = "Running"
        /// All have ended well, and none will be started again.
        case succeeded = "Succeeded"
        /// All have ended, one of them badly, and none will be started again: evicted, for example.
        case failed = "Failed"
        /// Its node is silent, or says something else.
        case unknown = "Unknown"
    }

    /// One thing that is true of it, false, or unknown.
    public struct Condition: Hashable, Sendable {
        /// Which: `Ready`, `PodScheduled`.
        public let type: String
        /// Whether it is true.
        public let isTrue: Bool
        /// Why, one word; empty if it does not say.
        public let reason: String
        /// Why, in words; empty if it does not say.
        public let message: String
    }

    /// What one of its containers does.
    public enum ContainerState: Hashable, Sendable {
        /// It waits to be started: why, as one word and in words.
        case waiting(reason: String, message: String)
        /// It runs.
        case running
        /// It has ended.
        case terminated(exitCode: Int, reason: String, message: String)
    }

    /// One of its containers.
    public struct Container: Hashable, Sendable {
        /// Its name.
        public let name: String
        /// What it does now.
        public let state: ContainerState
        /// Whether its readiness probe says so, or it runs and has none.
        public let isReady: Bool
        /// How often it was started again.
        public let restarts: Int
    }

    /// What it says of itself.
    public let metadata: ObjectMetadata
    /// The node that it is for; empty before it has one.
    public let nodeName: String
    /// How far it is.
    public let phase: Phase
    /// Why it is there, as one word; empty if it does not say: `Evicted`.
    public let reason: String
    /// Why it is there, in words; empty if it does not say.
    public let message: String
    /// What is true of it.
    public let conditions: [Condition]
    /// Its containers, as far as the node has told of them.
    public let containers: [Container]

    /// Reads one.
    /// - Parameter object: The object; what it lacks is empty.
    public init(_ object: JSON) {
        let status = object["status"]
        metadata = ObjectMetadata(of: object)
        nodeName = object[path: "spec", "nodeName"]?.string ?? ""
        phase = status?["phase"]?.string.flatMap(Phase.init) ?? .unknown
        reason = status?["reason"]?.string ?? ""
        message = status?["message"]?.string ?? ""
        conditions = (status?["conditions"]?.array ?? []).map(Condition.init)
        containers = (status?["containerStatuses"]?.array ?? []).map(Container.init)
    }

    /// Whether it has ended and will not be started again.
    public var isOver: Bool { phase == .failed || phase == .succeeded }

    /// Why a container does not run.
    /// - Parameter name: Which.
    /// - Returns: A few words; nil if it runs.
    public func trouble(of name: String) -> String? {
        switch containers.first(where: { $0.name == name })?.state {
        case .running: nil
        case .waiting(let reason, let message), .terminated(_, let reason, let message):
            [reason, message].filter { !$0.isEmpty }.joined(separator: ": ")
        case nil:
            conditions.first { $0.type == "PodScheduled" && !$0.isTrue }
                .map { "not scheduled: \($0.message.isEmpty ? $0.reason : $0.message)" }
                ?? (isOver
                    ? [reason, message].filter { !$0.isEmpty }.joined(separator: ": ")
                    : "the kubelet of \(nodeName) has not begun with it")
        }
    }
}

extension Pod.Condition {
    fileprivate init(_ object: JSON) {
        type = object["type"]?.string ?? ""
        isTrue = object["status"]?.string == "True"
        reason = object["reason"]?.string ?? ""
        message = object["message"]?.string ?? ""
    }
}

extension Pod.Container {
    fileprivate init(_ object: JSON) {
        name = object["name"]?.string ?? ""
        isReady = object["ready"]?.bool ?? false
        restarts = object["restartCount"]?.int ?? 0
        let state = object["state"]
        if state?["running"] != nil {
            self.state = .running
        } else if let ended = state?["terminated"] {
            self.state = .terminated(
                exitCode: ended["exitCode"]?.int ?? 0,
                reason: ended["reason"]?.string ?? "",
                message: ended["message"]?.string ?? ""
            )
        } else {
            self.state = .waiting(
                reason: state?[path: "waiting", "reason"]?.string ?? "",
                message: state?[path: "waiting", "message"]?.string ?? ""
            )
        }
    }
}
