import CLibFuzzer
import CLinux
import Glibc
import PageCache

// A record of the cache directory may hold anything after a crash or a bad disk: reading it must end with
// an error or with granules inside the file it describes. The checksums are put right first, else no input
// would get past them.

private func repaired(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    guard bytes.count >= 64 else { return bytes }
    bytes.replaceSubrange(0..<8, with: magic)
    let length = min(bytes.count, 64 * max(1, Int(bytes[8]) % 8 + 1)) / 64 * 64
    for index in 0..<4 { bytes[8 + index] = UInt8(truncatingIfNeeded: length >> (8 * index)) }
    let sum = linux_crc32c(0, bytes, length - 4)
    for index in 0..<4 { bytes[length - 4 + index] = UInt8(truncatingIfNeeded: sum >> (8 * UInt32(index))) }
    return bytes
}

private func read(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { raw in
        guard let header = try? CacheRecord.header(raw) else { return }
        precondition(header.headerBytes <= raw.count && header.version.size >= 0)
        for region in 0..<4 {
            let rest = UnsafeRawBufferPointer(rebasing: raw[header.headerBytes...])
            guard let entry = try? CacheRecord.entry(rest, region: region, of: header) else { continue }
            precondition(entry.region == region)
            precondition(entry.trusted & ~entry.present == SIMD4<UInt64>(), "trusted but not present")
        }
    }
}

private let magic = Array("ALXREC1\n".utf8)

var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
exit(
    LLVMFuzzerRunDriver(&count, &arguments) { bytes, size in
        let record = Array(UnsafeBufferPointer(start: bytes, count: size))
        read(record)
        read(repaired(record))
        return 0
    }
)
