import Glibc
import Settings
import Threading

/// The signals that end a worker, taken by whoever waits for them rather than by a handler.
enum StopSignals {
    /// Blocks them, and ignores SIGPIPE; before any thread is started, so that every thread inherits it.
    static func prepare() {
        signal(SIGPIPE, SIG_IGN)
        var set = taken()
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Waits for one; without a deadline, since this is what a worker's main thread is there for.
    /// - Returns: Its number.
    static func wait() -> Int32 {
        var set = taken()
        var number: Int32 = 0
        while sigwait(&set, &number) != 0 {}
        return number
    }

    /// Ends the process at once, with code 1, when another signal comes.
    /// - Throws: A ``Failure`` if there is no thread to be had.
    static func abandonAtNext() throws(Failure) {
        do throws(ThreadRefusal) {
            try NamedThread.start("signals") {
                _ = wait()
                _exit(1)
            }
        } catch {
            throw Failure("\(error)")
        }
    }

    private static func taken() -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&set, number) }
        return set
    }
}
