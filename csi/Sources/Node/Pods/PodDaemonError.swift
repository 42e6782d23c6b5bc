package import Kubernetes

/// Why a daemon has no pod.
package enum PodDaemonError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The template is missing or wrong: an administrator must change it. The end of a sentence about it.
    case template(String)
    /// A pod of somebody else has the name.
    case foreign(String)
    /// The pod does not run in time; the text says what it waits for. Asking again later may help.
    case notRunning(String)
    /// The API server does not do it.
    case refused(KubernetesError)

    /// One line.
    package var description: String {
        switch self {
        case .template(let text):
            "the pod template (ConfigMap \(PodTemplate.configMap), key \(PodTemplate.entry)) \(text)"
        case .foreign(let text), .notRunning(let text): text
        case .refused(let error): error.description
        }
    }
}
