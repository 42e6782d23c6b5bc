import Glibc
import Synchronization
import Testing

@testable import FileSystem

/// Threads and queues of the waiting pool.
struct WaitingPoolTests {
    /// Holds jobs until the test lets them go.
    final class Gate: Sendable {
        private let isOpen = Atomic(false)
        let entered = Atomic(0)
        let left = Atomic(0)

        func open() { isOpen.store(true, ordering: .releasing) }

        func pass() {
            entered.add(1, ordering: .relaxed)
            // A test that fails must not leave threads behind for ever.
            _ = eventually { isOpen.load(ordering: .acquiring) }
            left.add(1, ordering: .relaxed)
        }
    }

    @Test func aThreadThatSleepsHoldsNothingOfItsLastJob() {
        let pool = WaitingPool(threadsMaximum: 2, aheadMaximum: 1, queueMaximum: 10)
        weak var held: Gate?
        do {
            let gate = Gate()
            gate.open()
            held = gate
            #expect(pool.submit(.ahead) { gate.pass() })
            #expect(eventually { gate.left.load(ordering: .relaxed) == 1 })
        }
        #expect(eventually { held == nil })
        pool.stop(within: .seconds(1))
    }

    @Test func everyAcceptedJobRunsOnce() {
        let pool = WaitingPool(threadsMaximum: 8, aheadMaximum: 4, queueMaximum: 100_000)
        let ran = Atomic(0)
        for index in 0..<20_000 {
            let accepted = pool.submit(index % 3 == 0 ? .ahead : .demand) { ran.add(1, ordering: .relaxed) }
            #expect(accepted)
        }
        #expect(eventually { ran.load(ordering: .relaxed) == 20_000 })
        #expect(pool.load.threads <= 8)
        pool.stop(within: .seconds(5))
        #expect(pool.load.threads == 0)
    }

    @Test func aheadJobsNeverTakeTheLastQuarter() {
        let pool = WaitingPool(threadsMaximum: 8, aheadMaximum: 100, queueMaximum: 100)
        let ahead = Gate()
        let demand = Gate()
        for _ in 0..<20 { _ = pool.submit(.ahead) { ahead.pass() } }
        #expect(eventually { ahead.entered.load(ordering: .relaxed) == 6 })
        for _ in 0..<2 { _ = pool.submit(.demand) { demand.pass() } }
        #expect(eventually { demand.entered.load(ordering: .relaxed) == 2 })
        #expect(ahead.entered.load(ordering: .relaxed) == 6)
        #expect(pool.load.threads == 8)
        demand.open()
        ahead.open()
        #expect(eventually { ahead.left.load(ordering: .relaxed) == 20 })
        pool.stop(within: .seconds(5))
    }

    @Test func demandIsServedBeforeAheadThatWaitedLonger() {
        let pool = WaitingPool(threadsMaximum: 1, aheadMaximum: 1, queueMaximum: 100)
        let gate = Gate()
        let order = Mutex<[Int]>([])
        _ = pool.submit(.demand) { gate.pass() }
        #expect(eventually { gate.entered.load(ordering: .relaxed) == 1 })
        for index in 0..<3 { _ = pool.submit(.ahead) { order.withLock { $0.append(10 + index) } } }
        for index in 0..<3 { _ = pool.submit(.demand) { order.withLock { $0.append(index) } } }
        gate.open()
        #expect(eventually { order.withLock { $0.count } == 6 })
        #expect(order.withLock { $0 } == [0, 1, 2, 10, 11, 12])
        pool.stop(within: .seconds(5))
    }

    @Test func aFullQueueRefusesAndAheadTakesOnlyHalfOfIt() {
        let pool = WaitingPool(threadsMaximum: 1, aheadMaximum: 1, queueMaximum: 10)
        let gate = Gate()
        _ = pool.submit(.demand) { gate.pass() }
        var accepted = (0..<20).count { _ in pool.submit(.ahead) {} }
        #expect(accepted == 5)
        accepted = (0..<20).count { _ in pool.submit(.demand) {} }
        #expect(accepted == 5)
        gate.open()
        pool.stop(within: .seconds(5))
        #expect(pool.load.threads == 0)
    }

    @Test func stopRefusesNewJobsFinishesDemandAndDropsAhead() {
        let pool = WaitingPool(threadsMaximum: 1, aheadMaximum: 1, queueMaximum: 10)
        let gate = Gate()
        let demand = Atomic(0)
        let ahead = Atomic(0)
        _ = pool.submit(.demand) { gate.pass() }
        _ = pool.submit(.ahead) { ahead.add(1, ordering: .relaxed) }
        _ = pool.submit(.demand) { demand.add(1, ordering: .relaxed) }
        pool.stop(within: .milliseconds(20))
        #expect(!pool.submit(.demand) {})
        gate.open()
        pool.stop(within: .seconds(5))
        #expect(demand.load(ordering: .relaxed) == 1)
        #expect(ahead.load(ordering: .relaxed) == 0)
        #expect(pool.load.threads == 0)
    }

    @Test func idleThreadsEndButTwo() {
        let pool = WaitingPool(
            rules: PoolRules(threadsMaximum: 6, aheadMaximum: 1, queueMaximum: 10),
            idleLimit: .milliseconds(50)
        )
        let gate = Gate()
        for _ in 0..<6 { _ = pool.submit(.demand) { gate.pass() } }
        #expect(eventually { gate.entered.load(ordering: .relaxed) == 6 })
        gate.open()
        #expect(eventually { pool.load.threads == 2 })
        let ran = Atomic(0)
        _ = pool.submit(.demand) { ran.add(1, ordering: .relaxed) }
        #expect(eventually { ran.load(ordering: .relaxed) == 1 })
        pool.stop(within: .seconds(5))
    }

    @Test func aPoolThatIsDroppedEndsItsThreads() {
        final class Token: Sendable {
            let count: Atomic<Int> = Atomic(0)
        }
        let token = Token()
        do {
            let pool = WaitingPool(threadsMaximum: 4, aheadMaximum: 1, queueMaximum: 10)
            for _ in 0..<4 { _ = pool.submit(.demand) { token.count.add(1, ordering: .relaxed) } }
        }
        #expect(eventually { token.count.load(ordering: .relaxed) == 4 })
    }

    @Test func manySubmittersLoseNothing() {
        let pool = WaitingPool(threadsMaximum: 4, aheadMaximum: 2, queueMaximum: 1_000_000)
        let submitters = WaitingPool(threadsMaximum: 8, aheadMaximum: 0, queueMaximum: 10)
        let ran = Atomic(0)
        let accepted = Atomic(0)
        for _ in 0..<8 {
            _ = submitters.submit(.demand) {
                for index in 0..<2000 {
                    let priority: WaitingPool.Priority = index % 2 == 0 ? .ahead : .demand
                    let isAccepted = pool.submit(priority) { ran.add(1, ordering: .relaxed) }
                    if isAccepted { accepted.add(1, ordering: .relaxed) }
                    if index % 100 == 0 { usleep(50) }
                }
            }
        }
        submitters.stop(within: .seconds(20))
        #expect(accepted.load(ordering: .relaxed) == 16_000)
        #expect(eventually { ran.load(ordering: .relaxed) == 16_000 })
        pool.stop(within: .seconds(5))
    }
}
