import Glibc
import Settings
import Threading

/// Turns signals into calls on a thread of their own, where anything may be done.
enum Signals {
    /// Blocks the signals that ``wait(stop:report:)`` takes, and ignores SIGPIPE; before any thread is
    /// started, so that every thread inherits it.
    static func prepare() {
        signal(SIGPIPE, SIG_IGN)
        var set = taken()
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Starts the thread.
    /// - Parameters:
    ///   - stop: Called for each SIGTERM, SIGINT and SIGHUP, with how many there were.
    ///   - report: Called for each SIGUSR1.
    /// - Throws: A ``Failure`` if there is no thread to be had.
    static func wait(
        stop: @escaping @Sendable (_ count: Int) -> Void,
        report: @escaping @Sendable () -> Void
    ) throws(Failure) {
        do {
            try NamedThread.start("signals") { take(stop: stop, report: report) }
        } catch {
            throw Failure("\(error)")
        }
    }

    private static func take(stop: (_ count: Int) -> Void, report: () -> Void) -> Never {
        var count = 0
        while true {
            var set = taken()
            var number: Int32 = 0
            guard sigwait(&set, &number) == 0 else { continue }
            if number == SIGUSR1 {
                report()
            } else {
                count += 1
                stop(count)
            }
        }
    }

    private static func taken() -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in [SIGTERM, SIGINT, SIGHUP, SIGUSR1] { sigaddset(&set, number) }
        return set
    }
}
