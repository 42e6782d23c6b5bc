package import HTTPTransport
package import Kubernetes

/// Makes, finds and deletes the pods that keep the daemons of one node.
///
/// Keeps no state: what there is, is asked of the API server. Any thread may call; a call waits on the
/// caller's thread until its deadline at most. Two calls for one key at a time do no harm.
package struct PodDaemons: Sendable {
    private let client: KubernetesClient
    /// The plugin's namespace, which has the template and all pods.
    package let namespace: String
    /// The node's name.
    package let node: String

    /// Prepares for a node.
    /// - Parameters:
    ///   - client: Whom to ask.
    ///   - namespace: The plugin's namespace.
    ///   - node: The node's name.
    package init(_ client: KubernetesClient, namespace: String, node: String) {
        self.client = client
        self.namespace = namespace
        self.node = node
    }

    /// Makes the pod of a daemon, unless it is there.
    ///
    /// One that is terminating is waited for, one that has ended for good (evicted) is deleted, and then
    /// another one is made. A pod that is there stays as it is, also if the template has changed since.
    /// - Parameters:
    ///   - daemon: Which; on this node.
    ///   - directory: The daemon's directory, as the container sees it.
    ///   - deadline: When to give up.
    /// - Returns: The pod, which may not run yet.
    /// - Throws: ``PodDaemonError``.
    package func ensure(
        _ daemon: DaemonPod,
        directory: String,
        by deadline: ContinuousClock.Instant
    ) throws(PodDaemonError) -> Pod {
        while true {
            guard let found = try find(daemon, by: deadline) else {
                let wanted = try template(by: deadline).pod(for: daemon, in: namespace, directory: directory)
                if let made = try create(wanted, by: deadline) { return made }
                continue
            }
            switch daemon.verdict(on: found) {
            case .keeps: return found
            case .isTerminating: break
            case .isOver: try delete(found, by: deadline)
            case .isForeign(let why): throw foreign(daemon, why)
            }
            try waitUntilGone(found, by: deadline)
        }
    }

    /// Waits until the keeper in a daemon's pod runs; that the mount answers is another question.
    /// - Parameters:
    ///   - daemon: Which.
    ///   - deadline: When to give up.
    /// - Returns: The pod as it runs.
    /// - Throws: ``PodDaemonError``; ``PodDaemonError/notRunning(_:)`` with what it waits for, at the
    ///   deadline, or at once if the pod is gone, ends or has ended.
    package func waitUntilRunning(
        _ daemon: DaemonPod,
        by deadline: ContinuousClock.Instant
    ) throws(PodDaemonError) -> Pod {
        var last: Pod?
        let found: JSON?
        do throws(KubernetesError) {
            found = try client.wait(for: .pods, daemon.name, in: namespace, by: deadline) { object in
                guard let object else { return true }
                let pod = Pod(object)
                last = pod
                return daemon.verdict(on: pod) != .keeps || pod.trouble(of: DaemonPod.container) == nil
            }
        } catch {
            guard case .unavailable = error, let trouble = last?.trouble(of: DaemonPod.container) else {
                throw .refused(error)
            }
            throw .notRunning("pod \(namespace)/\(daemon.name) does not run yet: \(trouble)")
        }
        guard let pod = found.map(Pod.init) else {
            throw .notRunning("pod \(namespace)/\(daemon.name) was deleted by somebody")
        }
        switch daemon.verdict(on: pod) {
        case .keeps: return pod
        case .isTerminating: throw .notRunning("pod \(namespace)/\(daemon.name) is being deleted by somebody")
        case .isOver:
            let why = [pod.reason, pod.message].filter { !$0.isEmpty }.joined(separator: ": ")
            throw .notRunning("pod \(namespace)/\(daemon.name) has ended: \(why)")
        case .isForeign(let why): throw foreign(daemon, why)
        }
    }

    /// Deletes the pod of a daemon; fine if there is none.
    /// - Parameters:
    ///   - daemon: Which.
    ///   - waits: Whether to return only when it is gone; else when its end has begun.
    ///   - deadline: When to give up.
    /// - Throws: ``PodDaemonError``.
    package func remove(
        _ daemon: DaemonPod,
        waits: Bool,
        by deadline: ContinuousClock.Instant
    ) throws(PodDaemonError) {
        guard let found = try find(daemon, by: deadline) else { return }
        switch daemon.verdict(on: found) {
        case .isForeign(let why): throw foreign(daemon, why)
        case .isTerminating: break
        case .keeps, .isOver: try delete(found, by: deadline)
        }
        if waits { try waitUntilGone(found, by: deadline) }
    }

    /// The pods of daemons on this node, whoever wanted them.
    /// - Parameter deadline: When to give up.
    /// - Returns: Each with its sharing key; those that are terminating too.
    /// - Throws: ``PodDaemonError``.
    package func all(by deadline: ContinuousClock.Instant) throws(PodDaemonError) -> [DaemonPod: Pod] {
        let selection = DaemonPod.selection(on: node)
        let list = try asking { () throws(KubernetesError) in
            try client.list(.pods, in: namespace, selection, by: deadline)
        }
        var pods: [DaemonPod: Pod] = [:]
        for pod in list.items.map(Pod.init) {
            let key = pod.metadata.labels[DaemonPod.keyLabel] ?? ""
            guard key.utf8.count <= 32, KubernetesNames.isLabel(key) else { continue }
            let daemon = DaemonPod(key: key, node: node)
            // A pod with our labels and another name was made by hand, and is not ours to delete.
            if pod.metadata.name == daemon.name { pods[daemon] = pod }
        }
        return pods
    }

    /// Tells when a pod of this node may need to be made again, until the deadline.
    ///
    /// - Parameters:
    ///   - deadline: When to end.
    ///   - cancellation: What ends it early, within about a second.
    ///   - onChange: Called once at the beginning, and for every pod that is deleted, going, or over.
    /// - Throws: ``PodDaemonError``.
    package func watch(
        by deadline: ContinuousClock.Instant,
        cancellation: HTTPCancellation,
        onChange: () -> Void
    ) throws(PodDaemonError) {
        let selection = DaemonPod.selection(on: node)
        try asking { () throws(KubernetesError) in
            let list = try client.list(
                .pods,
                in: namespace,
                selection,
                by: deadline,
                cancellation: cancellation
            )
            onChange()
            var version = list.resourceVersion
            while ContinuousClock.now < deadline {
                let began = ContinuousClock.now
                version = try client.watch(
                    .pods,
                    in: namespace,
                    selection,
                    from: version,
                    by: deadline,
                    cancellation: cancellation
                ) { event in
                    if Self.matters(event) { onChange() }
                    return true
                }.resourceVersion
                // A server that ends watches at once is asked again by the caller, after a pause.
                guard ContinuousClock.now - began > .seconds(1) else { return }
            }
        }
    }

    private static func matters(_ event: WatchEvent) -> Bool {
        switch event {
        case .deleted: return true
        case .added(let object), .modified(let object):
            let pod = Pod(object)
            return pod.metadata.isTerminating || pod.isOver
        }
    }

    private func template(by deadline: ContinuousClock.Instant) throws(PodDaemonError) -> PodTemplate {
        let object: JSON
        do throws(KubernetesError) {
            object = try client.get(.configMaps, PodTemplate.configMap, in: namespace, by: deadline)
        } catch {
            guard case .notFound = error else { throw .refused(error) }
            throw .template("is not there in namespace \(namespace): install the chart with mode pod")
        }
        guard let text = ConfigMap(object).data[PodTemplate.entry] else { throw .template("has no such key") }
        return try PodTemplate(yaml: text)
    }

    private func find(
        _ daemon: DaemonPod,
        by deadline: ContinuousClock.Instant
    ) throws(PodDaemonError) -> Pod? {
        do throws(KubernetesError) {
            return Pod(try client.get(.pods, daemon.name, in: namespace, by: deadline))
        } catch {
            guard case .notFound = error else { throw .refused(error) }
            return nil
        }
    }

    /// The pod that was made; nil if there is one of the name, perhaps made by a try whose answer was lost.
    private func create(
        _ pod: JSON,
        by deadline: ContinuousClock.Instant
    ) throws(PodDaemonError) -> Pod? {
        do throws(KubernetesError) {
            return Pod(try client.create(pod, .pods, in: namespace, by: deadline))
        } catch {
            guard case .alreadyExists = error else { throw .refused(error) }
            return nil
        }
    }

    /// Begins the end of a pod, and of no later one of its name.
    private func delete(_ pod: Pod, by deadline: ContinuousClock.Instant) throws(PodDaemonError) {
        let (name, uid) = (pod.metadata.name, pod.metadata.uid)
        do throws(KubernetesError) {
            try client.delete(.pods, name, in: namespace, uid: uid, by: deadline)
        } catch {
            switch error {
            case .notFound, .conflict: return
            default: throw .refused(error)
            }
        }
    }

    private func waitUntilGone(_ pod: Pod, by deadline: ContinuousClock.Instant) throws(PodDaemonError) {
        let uid = pod.metadata.uid
        do throws(KubernetesError) {
            _ = try client.wait(for: .pods, pod.metadata.name, in: namespace, by: deadline) { object in
                object.map { ObjectMetadata(of: $0).uid != uid } ?? true
            }
        } catch {
            guard case .unavailable = error else { throw .refused(error) }
            throw .notRunning("pod \(namespace)/\(pod.metadata.name) is still terminating (\(error))")
        }
    }

    private func asking<Answer>(
        _ body: () throws(KubernetesError) -> Answer
    ) throws(PodDaemonError) -> Answer {
        do throws(KubernetesError) { return try body() } catch { throw .refused(error) }
    }

    private func foreign(_ daemon: DaemonPod, _ why: String) -> PodDaemonError {
        .foreign("pod \(namespace)/\(daemon.name) is not the plugin's: \(why); delete or rename it")
    }
}
