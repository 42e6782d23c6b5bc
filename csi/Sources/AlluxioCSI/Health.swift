/// Whether the driver does what it should; the truth for `Probe` and `/healthz`.
final class Health: Sendable {
    private let ask: @Sendable () -> String?

    /// - Parameter ask: What is wrong; nil: nothing. Must not wait.
    init(_ ask: @escaping @Sendable () -> String?) { self.ask = ask }

    /// What is wrong; nil: nothing.
    var problem: String? { ask() }

    /// Whether nothing is wrong.
    var isAnswering: Bool { problem == nil }
}
