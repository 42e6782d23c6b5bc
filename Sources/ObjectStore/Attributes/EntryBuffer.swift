import Metadata
import Pages

/// One page of a listing, held until it is known what attribute objects say of its names.
struct EntryBuffer {
    /// The names, without our own.
    private(set) var names = NameBuffer()
    private var attributes: [Attributes] = []
    /// The version of the directory's attribute object, if the page shows one.
    private(set) var documentVersion: ETag?
    /// Whether the page shows an attribute object.
    private(set) var hasDocument = false
    /// The greatest name by its bytes, our own names included; empty on an empty page.
    private(set) var greatest: [UInt8] = []

    mutating func append(_ name: UnsafeRawBufferPointer, _ attributes: Attributes) {
        if greatest.lexicographicallyPrecedes(name) { greatest = Array(name) }
        guard !AttributeNames.isHidden(name) else {
            if name.elementsEqual(AttributeNames.document) {
                hasDocument = true
                documentVersion = attributes.etag
            }
            return
        }
        names.append(name)
        self.attributes.append(attributes)
    }

    /// Calls with each name and what the store says of it.
    func forEach(_ body: (UnsafeRawBufferPointer, Attributes) -> Void) {
        names.forEach { index, name in body(name, attributes[index]) }
    }

    subscript(name: [UInt8]) -> Attributes? {
        var found: Attributes?
        names.forEach { index, candidate in
            if candidate.elementsEqual(name) { found = attributes[index] }
        }
        return found
    }
}

/// Many names in two allocations.
struct NameBuffer: Sendable {
    private var bytes: [UInt8] = []
    private var ends: [Int32] = []

    var count: Int { ends.count }

    mutating func append(_ name: some Collection<UInt8>) {
        bytes.append(contentsOf: name)
        ends.append(Int32(bytes.count))
    }

    /// Calls with the place and the bytes of each.
    func forEach(_ body: (Int, UnsafeRawBufferPointer) -> Void) {
        bytes.withUnsafeBytes { all in
            var start = 0
            for (index, end) in ends.enumerated() {
                body(index, UnsafeRawBufferPointer(rebasing: all[start..<Int(end)]))
                start = Int(end)
            }
        }
    }

    /// Each as bytes of its own.
    var set: Set<[UInt8]> {
        var result = Set<[UInt8]>(minimumCapacity: ends.count)
        forEach { _, name in result.insert(Array(name)) }
        return result
    }
}
