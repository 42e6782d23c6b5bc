import Glibc
import Metadata
import Pages

/// A root with many files of usual names and etags, made up as they are listed.
struct GeneratedDirectory: ListedStore {
    let entries: Int
    let pageSize = 1000

    func list(
        _ directory: RelativePath,
        from token: ListingToken?,
        into sink: EntrySink
    ) throws(StoreError) -> ListingPage {
        let start = token.flatMap { Int($0.text) } ?? 0
        let stop = min(start + pageSize, entries)
        for number in start..<stop {
            let digits = String(UInt64(number) &* 0x9E37_79B9_7F4A_7C15 | 1 << 63, radix: 16)
            let name = Array("sample-\(1_000_000 + number)-of-the-training-set.bin".utf8)
            let attributes = Attributes(
                kind: .file,
                size: Int64(number),
                modified: 1_700_000_000_000_000_000,
                etag: ETag(digits + digits)
            )
            name.withUnsafeBytes { sink($0, attributes) }
        }
        return ListingPage(next: stop < entries ? ListingToken(String(stop)) : nil, hidden: 0)
    }
}

/// Sleeps long enough for threads that have begun a call to be inside it.
func usleepShort() {
    usleep(20_000)
}
