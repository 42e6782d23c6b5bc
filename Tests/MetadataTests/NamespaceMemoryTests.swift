import Glibc
import Pages
import Testing

@testable import Metadata

/// Memory is measured of the whole process, which other tests share, so this runs in a process of its own.
@Suite("Memory of a big listing")
struct NamespaceMemoryTests {
    @Test func `is under 300 bytes an entry, and is given back to the system after the trust ended`() async {
        await #expect(processExitsWith: .success) {
            let clock = ManualClock()
            let cache = NamespaceCache(
                source: GeneratedDirectory(entries: 200_000),
                options: NamespaceOptions(),
                clock: { clock.now }
            )
            try fill(GeneratedDirectory(entries: 2000))
            let before = residentBytes()
            try fill(cache)
            let full = residentBytes()
            let taken = full - before
            guard taken > 200_000 * 50, taken < 200_000 * 300 else {
                return stop("a full listing took \(taken)")
            }
            clock.advance(.seconds(20))
            cache.sweep()
            guard cache.entryCount == 200_000 else { return stop("it was dropped too early") }
            clock.advance(.seconds(35))
            cache.sweep()
            guard cache.entryCount == 0 else { return stop("it was not dropped") }
            let left = residentBytes() - before
            guard left < 4 << 20 else { return stop("\(left) of \(taken) bytes stayed") }
        }
    }
}

private func stop(_ reason: String) {
    print(reason)
    exit(1)
}

private func fill(_ source: GeneratedDirectory) throws {
    try fill(NamespaceCache(source: source, options: NamespaceOptions()))
}

private func fill(_ cache: NamespaceCache) throws {
    let listing = try cache.listing(of: .root, mayWait: true)
    while !listing.isComplete { try listing.fill(beyond: listing.count) }
}

/// The resident memory of this process, from the second number of `/proc/self/statm`.
private func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
    let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
}
