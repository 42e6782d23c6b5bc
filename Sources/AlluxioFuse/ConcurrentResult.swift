import Settings
import Synchronization
import Threading

/// Something that is found out on another thread while this one goes on.
final class ConcurrentResult<Value: Sendable>: Sendable {
    private let thread: JoinableThread
    private let box: Box<Value>

    /// Starts finding out.
    /// - Parameters:
    ///   - name: The thread's name.
    ///   - body: Runs once; must have its own deadline.
    /// - Throws: A ``Failure`` if there is no thread to be had.
    init(_ name: String, _ body: @escaping @Sendable () throws(Failure) -> Value) throws(Failure) {
        let box = Box<Value>()
        do {
            thread = try NamedThread.startJoinable(name) { box.fill(body) }
        } catch {
            throw Failure("\(error)")
        }
        self.box = box
    }

    private final class Box<Content: Sendable>: Sendable {
        let state = Mutex<Result<Content, Failure>?>(nil)

        func fill(_ body: () throws(Failure) -> Content) {
            do throws(Failure) {
                let value = try body()
                state.withLock { $0 = .success(value) }
            } catch {
                state.withLock { $0 = .failure(error) }
            }
        }
    }

    /// Waits for the outcome.
    ///
    /// To be called once.
    func value() throws(Failure) -> Value {
        thread.join()
        switch box.state.withLock({ $0 }) {
        case .success(let value): return value
        case .failure(let failure): throw failure
        case nil: preconditionFailure("the thread ended without an outcome")
        }
    }
}
