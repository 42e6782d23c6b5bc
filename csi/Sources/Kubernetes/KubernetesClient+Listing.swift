public import HTTPTransport

/// Objects of one kind, and the moment that they are of.
public struct KubernetesList: Hashable, Sendable {
    /// The objects; they do not name their kind.
    public let items: [JSON]
    /// What to watch from.
    public let resourceVersion: String
}

extension KubernetesClient {
    /// Reads all objects of a kind, page by page.
    /// - Parameters:
    ///   - resource: Their kind.
    ///   - namespace: Their namespace; nil for all, or for kinds that are in none.
    ///   - selection: Which of them.
    ///   - deadline: When to give up.
    ///   - cancellation: What ends the call early; nil for nothing.
    /// - Returns: The objects, none if there are none. If a page comes so late that the API server has
    ///   forgotten the list, the list begins again, once, without pages.
    /// - Throws: ``KubernetesError``; ``KubernetesError/unusable(_:)`` for more objects than the options
    ///   allow.
    public func list(
        _ resource: KubernetesResource,
        in namespace: String?,
        _ selection: KubernetesSelection = KubernetesSelection(),
        by deadline: ContinuousClock.Instant,
        cancellation: HTTPCancellation? = nil
    ) throws(KubernetesError) -> KubernetesList {
        var call = APICall("list", resource, namespace, nil, path: try resource.path(nil, in: namespace))
        let selectors = try selection.query()
        do throws(KubernetesError) {
            call.query = selectors + [("limit", "\(options.pageCount)")]
            return try pages(call, by: deadline, cancellation)
        } catch {
            guard case .gone = error else { throw error }
            call.query = selectors
            return try pages(call, by: deadline, cancellation)
        }
    }

    private func pages(
        _ call: APICall,
        by deadline: ContinuousClock.Instant,
        _ cancellation: HTTPCancellation?
    ) throws(KubernetesError) -> KubernetesList {
        var items: [JSON] = []
        var next = call
        while true {
            let page = try answer(next, by: deadline, cancellation)
            guard let found = page["items"]?.array ?? (page["items"] == .null ? [] : nil),
                let version = page[path: "metadata", "resourceVersion"]?.string
            else { throw .unusable("\(call.what): the API server's answer is no list") }
            items += found
            guard items.count <= options.listMaximumCount else {
                throw .unusable("\(call.what): there are more than \(options.listMaximumCount)")
            }
            guard let place = page[path: "metadata", "continue"]?.string, !place.isEmpty else {
                return KubernetesList(items: items, resourceVersion: version)
            }
            next.query = call.query + [("continue", place)]
        }
    }
}
