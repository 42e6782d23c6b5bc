import CMountTestSupport
import FuseMount
import Glibc
import Logging
import Synchronization
import Testing
import Threading

/// Whether this machine lets us mount at all.
let canMount = geteuid() == 0 && access("/dev/fuse", R_OK | W_OK) == 0

/// A thread for each job, up to a limit: the simplest waiting pool.
final class ThreadPerJob: Sendable {
    private let running = Atomic(0)
    private let threadsMaximum: Int

    init(threadsMaximum: Int) { self.threadsMaximum = threadsMaximum }

    func submit(_ job: @escaping @Sendable () -> Void) -> Bool {
        guard running.add(1, ordering: .relaxed).newValue <= threadsMaximum else {
            running.subtract(1, ordering: .relaxed)
            return false
        }
        return startTestThread { [self] in
            job()
            running.subtract(1, ordering: .relaxed)
        }
    }
}

/// A waiting pool whose threads are all busy for now.
final class HeldJobs: Sendable {
    private let jobs = Mutex<[@Sendable () -> Void]>([])
    var count: Int { jobs.withLock { $0.count } }

    func hold(_ job: @escaping @Sendable () -> Void) -> Bool {
        jobs.withLock { $0.append(job) }
        return true
    }

    func runAll() {
        let held = jobs.withLock { jobs in
            defer { jobs = [] }
            return jobs
        }
        held.forEach { job in startTestThread { job() } }
    }
}

@discardableResult
func startTestThread(_ body: @escaping @Sendable () -> Void) -> Bool {
    do {
        try NamedThread.start("test", body)
        return true
    } catch {
        return false
    }
}

/// Something that another thread tells this one, or nil when it did not in time.
final class Told<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    func tell(_ value: Value) { self.value.withLock { $0 = value } }
    func wait(atMost limit: Duration) -> Value? {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            if let value = value.withLock({ $0 }) { return value }
            usleep(2000)
        }
        return value.withLock { $0 }
    }
}

/// Waits for a condition.
func eventually(atMost limit: Duration = .seconds(5), _ condition: () -> Bool) -> Bool {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        if condition() { return true }
        usleep(2000)
    }
    return condition()
}

/// An empty directory that is removed again.
func withDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    var path = Array("/tmp/alluxio-fuse-test.XXXXXX".utf8CString)
    let made = mkdtemp(&path) != nil
    try #require(made)
    let directory = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { rmdir(directory) }
    return try body(directory)
}

/// A mounted file system at work.
struct MountFixture {
    let path: String
    let session: FuseSession
    let ending: Told<FuseSession.Ending>
    func at(_ name: String) -> String { "\(path)/\(name)" }
}

/// Mounts, runs `body`, and unmounts whatever happens; a mount that hangs is aborted after a minute.
@discardableResult
func withMount<Result>(
    _ operations: any Operations,
    threadsMaximum: Int = 300,
    jobs: HeldJobs? = nil,
    _ change: (inout MountOptions) -> Void = { _ in },
    _ body: (MountFixture) throws -> Result
) throws -> Result {
    try withDirectory { path in
        var options = MountOptions(mountpoint: path, fsname: "s3://bucket/a,b c")
        change(&options)
        let pool = ThreadPerJob(threadsMaximum: threadsMaximum)
        let session = FuseSession(
            operations: operations,
            options: options,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            handOver: { jobs?.hold($0) ?? pool.submit($0) }
        )
        try session.mount()
        let ending = Told<FuseSession.Ending>()
        startTestThread { ending.tell(session.run()) }
        let done = Told<Bool>()
        startTestThread {
            guard done.wait(atMost: .seconds(50)) == nil else { return }
            umount2(path, Int32(MNT_FORCE))
            session.requestExit()
        }
        defer {
            done.tell(true)
            // Forced: it ends every request, so that no thread of this process is left waiting for another
            // one.
            umount2(path, Int32(MNT_FORCE))
            umount2(path, Int32(MNT_DETACH))
            session.requestExit()
            #expect(ending.wait(atMost: .seconds(10)) != nil, "the session did not end")
        }
        return try body(MountFixture(path: path, session: session, ending: ending))
    }
}

/// What a file holds, read with pread in parts.
func contents(of path: String, part: Int = 1 << 20, direct: Bool = false) throws -> [UInt8] {
    let file = direct ? test_open_direct(path) : open(path, O_RDONLY)
    try #require(file >= 0, "open: \(errno)")
    defer { close(file) }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: part, alignment: 4096)
    defer { buffer.deallocate() }
    var bytes: [UInt8] = []
    while true {
        let count = pread(file, buffer.baseAddress, part, off_t(bytes.count))
        try #require(count >= 0, "read: \(errno)")
        guard count > 0 else { return bytes }
        bytes.append(contentsOf: buffer[..<count])
    }
}

/// Bytes in which each place can be told from the others.
func pattern(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        for index in 0..<count {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            buffer[index] = UInt8(truncatingIfNeeded: state >> 24)
        }
        filled = count
    }
}

/// A file of its own in /var/tmp, open and without a name.
func withUnnamedFile<Result>(_ bytes: [UInt8], _ body: (Int32) throws -> Result) throws -> Result {
    var path = Array("/var/tmp/alluxio-fuse-test.XXXXXX".utf8CString)
    let file = mkstemp(&path)
    try #require(file >= 0)
    defer { close(file) }
    unlink(path)
    var written = 0
    while written < bytes.count {
        let count = bytes.withUnsafeBytes {
            write(file, $0.baseAddress?.advanced(by: written), bytes.count - written)
        }
        try #require(count > 0)
        written += count
    }
    return try body(file)
}

/// Records an issue unless a file holds certain bytes.
func expectContents(
    of path: String,
    _ bytes: [UInt8],
    direct: Bool = false,
    part: Int = 1 << 20,
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let found = try contents(of: path, part: part, direct: direct)
    let isEqual = found == bytes
    #expect(isEqual, "\(found.count) bytes of \(bytes.count)", sourceLocation: sourceLocation)
}
