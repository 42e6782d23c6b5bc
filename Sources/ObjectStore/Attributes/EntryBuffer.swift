import Metadata
import Pages

/// One page of a listing, held until it is known what attribute objects say of its names.
struct EntryBuffer {
    private var bytes: [UInt8] = []
    private var entries: [(end: Int, attributes: Attributes)] = []
    /// The version of the directory's attribute object, if the page shows one.
    private(set) var documentVersion: ETag?
    /// Whether the page shows an attribute object.
    private(set) var hasDocument = false
    /// The greatest name by its bytes, our own names included; empty on an empty page.
    private(set) var greatest: [UInt8] = []

    var count: Int { entries.count }

    mutating func append(_ name: UnsafeRawBufferPointer, _ attributes: Attributes) {
        if greatest.lexicographicallyPrecedes(name) { greatest = Array(name) }
        guard !AttributeNames.isHidden(name) else {
            if name.elementsEqual(AttributeNames.document) {
                hasDocument = true
                documentVersion = attributes.etag
            }
            return
        }
        bytes.append(contentsOf: name)
        entries.append((bytes.count, attributes))
    }

    /// Calls with each name and what the store says of it.
    func forEach(_ body: (UnsafeRawBufferPointer, Attributes) -> Void) {
        bytes.withUnsafeBytes { all in
            var start = 0
            for entry in entries {
                body(UnsafeRawBufferPointer(rebasing: all[start..<entry.end]), entry.attributes)
                start = entry.end
            }
        }
    }

    /// Every name as bytes of its own.
    var names: [[UInt8]] {
        var result: [[UInt8]] = []
        forEach { name, _ in result.append(Array(name)) }
        return result
    }

    subscript(name: [UInt8]) -> Attributes? {
        var found: Attributes?
        forEach { candidate, attributes in if candidate.elementsEqual(name) { found = attributes } }
        return found
    }
}
