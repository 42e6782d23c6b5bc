import Glibc
import Pages
import SeededRandom
import Synchronization
import TestServers
import Testing

@testable import Cluster

@Suite("Workers that fail under load", .timeLimit(.minutes(10)))
struct ClusterChaosTests {
    private final class Worst: Sendable {
        private let value = Mutex(Duration.zero)
        private let count = Atomic(0)
        func note(_ time: Duration) {
            value.withLock { $0 = max($0, time) }
            count.add(1, ordering: .relaxed)
        }
        var time: Duration { value.withLock { $0 } }
        var reads: Int { count.load(ordering: .relaxed) }
    }

    /// Reads random spans with 8 threads while `mistreat` runs on a ninth.
    private func chaos(
        _ workers: [WorkerDouble],
        _ files: [TestFile],
        _ cluster: TestCluster,
        seconds: Int,
        _ mistreat: @escaping @Sendable () -> Void
    ) throws -> Worst {
        let worst = Worst()
        let seed = UInt64.random(in: 0 ... .max)
        print("chaos: seed \(seed)")
        let end = ContinuousClock.now + .seconds(seconds)
        try TestThreads.run(9) { thread in
            guard thread < 8 else { return mistreat() }
            var generator = SeededGenerator(seed: seed &+ UInt64(thread))
            while ContinuousClock.now < end {
                let file = files[Int.random(in: 0..<files.count, using: &generator)]
                let offset = Int.random(in: 0..<file.bytes.count, using: &generator)
                let count = Int.random(in: 1...(file.bytes.count - offset), using: &generator)
                let span = Span(offset: Int64(offset), count: count)
                let began = ContinuousClock.now
                let bytes = try cluster.read(span, of: file)
                worst.note(began.duration(to: .now))
                #expect(bytes == file[span])
            }
        }
        return worst
    }

    @Test
    func `killed, stopped, 5xx, wrong length, cut: no error, every byte right, no stall over two seconds`()
        throws
    {
        let files = (0..<12).map { TestFile("f\($0)", size: 300_000) }
        let workers = try (0..<3).map { try WorkerDouble("w\($0)", files) }
        let cluster = TestCluster(workers.map(\.candidate), files: files, usesRing: true) {
            $0.replicas = 2
            $0.patience = ClusterOptions().patience
            $0.connectTimeout = ClusterOptions().connectTimeout
        }
        let worst = try chaos(workers, files, cluster, seconds: 12) {
            usleep(500_000)
            workers[0].kill()
            let moods: [WorkerDouble.Mood] = [
                .stopped, .well, .status(500), .well, .short, .well, .cut(1000), .well, .replaced, .well,
            ]
            for mood in moods {
                workers[1].mood = mood
                usleep(1_000_000)
            }
        }
        print("chaos: \(worst.reads) reads, worst \(worst.time), store \(cluster.store.spans.count)")
        #expect(worst.time < .seconds(2))
        #expect(worst.reads > 100)
        let reasons = FallbackReason.allCases.reduce(0) { $0 + cluster.fallbacks($1.rawValue) }
        #expect(reasons == cluster.store.spans.count)
        #expect(!cluster.store.spans.isEmpty)
        #expect(workers.allSatisfy { !$0.requests.isEmpty })
    }

    @Test func `one worker for each fault at once, without replicas`() throws {
        let files = (0..<24).map { TestFile("f\($0)", size: 200_000) }
        let workers = try (0..<4).map { try WorkerDouble("w\($0)", files) }
        let cluster = TestCluster(workers.map(\.candidate), files: files, usesRing: true) {
            $0.replicas = 1
            $0.patience = ClusterOptions().patience
            $0.connectTimeout = ClusterOptions().connectTimeout
        }
        let worst = try chaos(workers, files, cluster, seconds: 6) {
            usleep(1_000_000)
            workers[0].kill()
            workers[1].mood = .stopped
            workers[2].mood = .status(503)
            workers[3].mood = .short
        }
        print("chaos: \(worst.reads) reads, worst \(worst.time), store \(cluster.store.spans.count)")
        #expect(worst.time < .seconds(2))
        #expect(!cluster.store.spans.isEmpty)
    }
}
