import Glibc
import Synchronization
import Testing
import Threading

@Suite struct ConditionTests {
    /// A number that threads wait for.
    // Safety: `value` is touched only with the lock held.
    private final class Counter: @unchecked Sendable {
        private let lock = Lock()
        private let changed = Condition()
        private var value = 0

        func increment() {
            lock.lock()
            value += 1
            changed.broadcast()
            lock.unlock()
        }

        func wait(for wanted: Int, atMost limit: Duration) -> Bool {
            let deadline = MonotonicInstant.now + limit
            lock.lock()
            defer { lock.unlock() }
            while value < wanted {
                guard changed.wait(lock, until: deadline) else { return value >= wanted }
            }
            return true
        }
    }

    @Test func whoWaitsIsWokenByAChange() throws {
        let counter = Counter()
        let threads = try (0..<8).map { index in
            try NamedThread.startJoinable("count-\(index)") {
                for _ in 0..<1000 { counter.increment() }
            }
        }
        #expect(counter.wait(for: 8000, atMost: .seconds(30)))
        for thread in threads { thread.join() }
        #expect(!counter.wait(for: 8001, atMost: .zero))
    }

    @Test func aWaitEndsAtItsDeadlineAndNotBefore() {
        let start = ContinuousClock.now
        #expect(!Counter().wait(for: 1, atMost: .milliseconds(50)))
        #expect(ContinuousClock.now - start >= .milliseconds(50))
    }
}

@Suite struct NamedThreadTests {
    private final class Told: Sendable {
        let name = Mutex("")
        let isBlocked = Mutex<[Int32: Bool]>([:])
    }

    @Test func aThreadHasItsNameAndLeavesSignalsToTheMainThread() throws {
        let told = Told()
        try NamedThread.startJoinable("a-thread-of-mine-with-a-long-name") {
            var name = [UInt8](repeating: 0, count: 16)
            let file = open("/proc/thread-self/comm", O_RDONLY)
            let count = read(file, &name, name.count)
            close(file)
            told.name.withLock { $0 = String(decoding: name.prefix(max(count - 1, 0)), as: UTF8.self) }
            var mask = sigset_t()
            pthread_sigmask(SIG_BLOCK, nil, &mask)
            for signal in [SIGTERM, SIGINT, SIGUSR1, SIGSEGV] {
                let isMember = sigismember(&mask, signal) == 1
                told.isBlocked.withLock { $0[signal] = isMember }
            }
        }.join()
        #expect(told.name.withLock { $0 } == "a-thread-of-min")
        let expected = [SIGTERM: true, SIGINT: true, SIGUSR1: true, SIGSEGV: false]
        #expect(told.isBlocked.withLock { $0 } == expected)
    }

    @Test func aThreadThatCannotBeIsRefusedWithTheRemedy() {
        do {
            // No machine has that much room for a stack.
            try NamedThread.start("big", stackBytes: 1 << 60) {}
            Issue.record("started")
        } catch {
            #expect("\(error)".contains("raise the limit of processes"))
        }
    }
}

@Suite struct MonotonicInstantTests {
    @Test func momentsAreOrderedAndKnowTheirAge() {
        let now = MonotonicInstant.now
        #expect(now < now + .milliseconds(1))
        #expect(now + .seconds(-1) < now)
        #expect((now + .seconds(-2)).nanosecondsAgo >= 2_000_000_000)
    }

    @Test func aDurationBeyondAllTimeIsNever() {
        let never = MonotonicInstant.now + .seconds(Int64.max)
        #expect(never.kernelTime.tv_sec > 1 << 32)
        #expect(never + .seconds(1) == never)
        #expect((MonotonicInstant.now + .milliseconds(1500)).kernelTime.tv_nsec < 1_000_000_000)
    }

    @Test func sleepingTakesTheTimeAtLeast() {
        let start = MonotonicInstant.now
        sleepThread(for: .milliseconds(20))
        #expect(start.nanosecondsAgo >= 20_000_000)
        sleepThread(for: .seconds(-1))
    }
}
