import CLibFuzzer
import Glibc
import ObjectStore

// Any bytes are read or refused; what is read is written as it was read. The checksum is put right, so that
// the rules behind it are reached.

private func checksum(_ bytes: [UInt8]) -> [UInt8] {
    var sum: UInt32 = .max
    for byte in bytes {
        sum ^= UInt32(byte)
        for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
    }
    return (0..<4).map { UInt8(truncatingIfNeeded: ~sum >> (8 * $0)) }
}

var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
exit(
    LLVMFuzzerRunDriver(&count, &arguments) { bytes, size in
        let document = Array(UnsafeBufferPointer(start: bytes, count: size))
        _ = AttributeFormat.accepts(document)
        let body = Array(document.dropLast(4))
        _ = AttributeFormat.accepts(body + checksum(body))
        return 0
    }
)
