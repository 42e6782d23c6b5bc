package import Kubernetes

/// The pod that keeps one daemon on one node, by what it is known.
package struct DaemonPod: Hashable, Sendable {
    /// The container that runs the keeper.
    package static let container = "alluxio-fuse"
    /// What all such pods have as `app.kubernetes.io/component`.
    package static let component = "csi-fuse"
    /// The label of the component.
    package static let componentLabel = "app.kubernetes.io/component"
    /// The label of the sharing key.
    package static let keyLabel = "csi.alluxio.com/key"
    /// The label of the cluster, cut to what a label may be.
    package static let clusterLabel = "csi.alluxio.com/cluster-name"
    /// The label of the node, if its name may be one; to look at only, `spec.nodeName` counts.
    package static let nodeLabel = "csi.alluxio.com/node"

    /// The sharing key: 1 to 32 of `0-9 a-z`.
    package let key: String
    /// The node's name.
    package let node: String
    /// The cluster; nil for a store.
    package let cluster: String?
    /// The account that the pod is to have instead of the template's; nil for the template's.
    package let serviceAccount: String?

    /// Names a pod.
    /// - Parameters:
    ///   - key: The sharing key: 1 to 32 of `0-9 a-z`.
    ///   - node: The node's name.
    ///   - cluster: The cluster; nil for a store.
    ///   - serviceAccount: The account that it is to have; nil for the template's.
    package init(key: String, node: String, cluster: String? = nil, serviceAccount: String? = nil) {
        precondition((1...32).contains(key.utf8.count) && KubernetesNames.isLabel(key), "a key is a label")
        self.key = key
        self.node = node
        self.cluster = cluster
        self.serviceAccount = serviceAccount
    }

    /// Its name: at most 63 bytes, so that it is its host name too.
    ///
    /// Pods of all nodes are in one namespace, and each node may have one of a key: the name must tell them
    /// apart.
    package var name: String { "alluxio-fuse-\(key)-\(Self.hash(node))" }

    /// Its labels.
    package var labels: [String: String] {
        var labels = [Self.componentLabel: Self.component, Self.keyLabel: key]
        if let cluster { labels[Self.clusterLabel] = Self.labelValue(cluster) }
        if KubernetesNames.isLabelValue(node) { labels[Self.nodeLabel] = node }
        return labels
    }

    /// All such pods of a node.
    package static func selection(on node: String) -> KubernetesSelection {
        KubernetesSelection(
            labels: [componentLabel: component],
            labelNames: [keyLabel],
            fields: ["spec.nodeName": node]
        )
    }

    /// What a pod of this one's name is to the plugin.
    package enum Verdict: Hashable, Sendable {
        /// It keeps the daemon, or will soon.
        case keeps
        /// It is going away, and another one can be made after it.
        case isTerminating
        /// It ended for good, as after an eviction: it must be deleted first.
        case isOver
        /// Somebody else made it; the text says what differs.
        case isForeign(String)
    }

    /// What a pod of this one's name is to the plugin.
    /// - Parameter pod: The pod that was found.
    /// - Returns: The verdict; a pod with other labels or on another node is foreign, whatever its state.
    package func verdict(on pod: Pod) -> Verdict {
        for label in [Self.componentLabel, Self.keyLabel] where pod.metadata.labels[label] != labels[label] {
            return .isForeign("it has not the label \(label)=\(labels[label] ?? "")")
        }
        guard pod.nodeName == node else {
            return .isForeign("it is for node \(pod.nodeName.debugDescription)")
        }
        if pod.metadata.isTerminating { return .isTerminating }
        return pod.isOver ? .isOver : .keeps
    }

    /// 40 bits of FNV-1a as 10 hexadecimal digits: two of 5000 nodes share them once in 90,000 clusters.
    private static func hash(_ text: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let digits = String((hash >> 40) ^ (hash & 0xFF_FFFF_FFFF), radix: 16)
        return String(repeating: "0", count: 10 - digits.utf8.count) + digits
    }

    /// The longest beginning of a text that a label may have as its value; what it may not hold becomes `-`.
    private static func labelValue(_ text: String) -> String {
        let allowed = text.utf8.map { byte in
            let isAllowed = KubernetesNames.isLabelValue("a\(Character(Unicode.Scalar(byte)))a")
            return isAllowed ? byte : UInt8(ascii: "-")
        }
        var value = allowed.prefix(63)
        while let last = value.last, "-_.".utf8.contains(last) { value.removeLast() }
        while let first = value.first, "-_.".utf8.contains(first) { value.removeFirst() }
        return String(decoding: value, as: UTF8.self)
    }
}
