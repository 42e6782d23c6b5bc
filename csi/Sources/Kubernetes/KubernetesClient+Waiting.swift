public import HTTPTransport

extension KubernetesClient {
    /// Waits until one object is as it should be.
    ///
    /// Lists and watches; goes on after broken connections and after a moment that is too long ago.
    /// - Parameters:
    ///   - resource: Its kind.
    ///   - name: Its name.
    ///   - namespace: Its namespace; nil for kinds that are in none.
    ///   - deadline: When to give up.
    ///   - cancellation: What ends the call early; nil for nothing.
    ///   - isEnough: Gets the object as it is and whenever it changes, nil if there is none; on the caller's
    ///     thread. Returns whether that is what is waited for.
    /// - Returns: The object that was enough; nil if it is that there is none.
    /// - Throws: ``KubernetesError``; ``KubernetesError/unavailable(_:)`` when the deadline has passed.
    public func wait(
        for resource: KubernetesResource,
        _ name: String,
        in namespace: String?,
        by deadline: ContinuousClock.Instant,
        cancellation: HTTPCancellation? = nil,
        until isEnough: (JSON?) -> Bool
    ) throws(KubernetesError) -> JSON? {
        _ = try resource.path(name, in: namespace)
        let selection = KubernetesSelection.named(name)
        while true {
            let list = try list(resource, in: namespace, selection, by: deadline, cancellation: cancellation)
            let now = list.items.first
            if isEnough(now) { return now }
            var version: String? = list.resourceVersion
            while let from = version {
                var last: JSON?
                func hears(_ object: JSON?) -> Bool {
                    last = object
                    return isEnough(object)
                }
                let end = try watchOnce(resource, namespace, selection, from, deadline, cancellation, hears)
                if end?.wasStopped == true { return last }
                guard ContinuousClock.now < deadline else {
                    throw .unavailable("\(resource.plural) \(name): the time to wait for it is over")
                }
                version = end?.resourceVersion
            }
        }
    }

    /// One watch; nil if a list must come first.
    private func watchOnce(
        _ resource: KubernetesResource,
        _ namespace: String?,
        _ selection: KubernetesSelection,
        _ version: String,
        _ deadline: ContinuousClock.Instant,
        _ cancellation: HTTPCancellation?,
        _ isEnough: (JSON?) -> Bool
    ) throws(KubernetesError) -> WatchEnd? {
        let begin = ContinuousClock.now
        do throws(KubernetesError) {
            let end = try watch(
                resource,
                in: namespace,
                selection,
                from: version,
                by: deadline,
                cancellation: cancellation
            ) { event in
                switch event {
                case .added(let object), .modified(let object): !isEnough(object)
                case .deleted: !isEnough(nil)
                }
            }
            // A server that ends every watch at once is not asked a thousand times a second.
            if !end.wasStopped, ContinuousClock.now - begin < options.firstPause {
                try Self.sleep(options.firstPause, cancellation)
            }
            return end
        } catch {
            switch error {
            case .gone, .unavailable:
                let left = ContinuousClock.now.duration(to: deadline)
                try Self.sleep(min(options.firstPause, left), cancellation)
                return nil
            default: throw error
            }
        }
    }
}
