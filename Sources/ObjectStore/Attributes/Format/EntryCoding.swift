import Metadata
import Pages

/// The tags of an entry's fields; `docs/design.md` has the table.
private enum FieldTag: UInt64, CaseIterable {
    case permissions = 1
    case uid, gid, etag, type, target, device, accessed, modified, changed, extended, link, name, inode
}

extension AttributeEntry {
    /// Writes the fields in the order of their tags: tag, length, bytes.
    func encode(into writer: inout ByteWriter) {
        for tag in FieldTag.allCases { encode(tag, into: &writer) }
        for field in unknown {
            writer.number(field.tag)
            writer.text(field.bytes)
        }
    }

    private func encode(_ tag: FieldTag, into writer: inout ByteWriter) {
        switch tag {
        case .permissions: writer.field(tag, permissions.map(UInt64.init))
        case .uid: writer.field(tag, uid.map(UInt64.init))
        case .gid: writer.field(tag, gid.map(UInt64.init))
        case .etag: if let etag = bound.etag { writer.field(tag) { $0.raw(etag.text.utf8) } }
        case .type: writer.field(tag, bound.type.map(UInt64.init))
        case .target: if !bound.target.isEmpty { writer.field(tag) { $0.raw(bound.target) } }
        case .device: writer.field(tag, bound.device)
        case .accessed: writer.field(tag, time: bound.accessed)
        case .modified: writer.field(tag, time: bound.modified)
        case .changed: writer.field(tag, time: bound.changed)
        case .extended:
            for (name, value) in extended.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                writer.field(tag) {
                    $0.text(name)
                    $0.raw(value)
                }
            }
        case .link: if let link { writer.field(tag) { $0.raw(link.bytes) } }
        case .name:
            for name in names.sorted(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) }) {
                writer.field(tag) { $0.raw(name.bytes) }
            }
        case .inode: writer.field(tag, inode)
        }
    }

    /// Reads fields up to the end of the reader.
    init(from reader: inout ByteReader) throws(FormatError) {
        self.init()
        var last: UInt64 = 0
        while !reader.isAtEnd {
            let number = try reader.number()
            guard number > 0, number >= last else { throw FormatError("field \(number) is out of order") }
            let isAgain = number == last
            last = number
            let bytes = try reader.text()
            guard let tag = FieldTag(rawValue: number) else {
                unknown.append(UnknownField(tag: number, bytes: bytes))
                continue
            }
            guard !isAgain || tag == .extended || tag == .name else {
                throw FormatError("field \(number) comes twice")
            }
            try decode(tag, bytes)
        }
        if bound.isEmpty { bound = BoundAttributes() }
    }

    private mutating func decode(_ tag: FieldTag, _ bytes: [UInt8]) throws(FormatError) {
        var reader = ByteReader(bytes[...])
        switch tag {
        case .permissions: permissions = try reader.small(UInt32.self)
        case .uid: uid = try reader.small(UInt32.self)
        case .gid: gid = try reader.small(UInt32.self)
        case .type: bound.type = try reader.small(UInt32.self)
        case .device: bound.device = try reader.number()
        case .accessed: bound.accessed = try reader.signed()
        case .modified: bound.modified = try reader.signed()
        case .changed: bound.changed = try reader.signed()
        case .inode: inode = try reader.number()
        case .extended:
            let name = try reader.text()
            extended[name] = Array(bytes.suffix(reader.count))
            return
        case .etag:
            bound.etag = ETag(String(decoding: bytes, as: UTF8.self))
            return
        case .target:
            bound.target = bytes
            return
        case .link:
            link = RelativePath(bytes: bytes)
            return
        case .name:
            names.insert(RelativePath(bytes: bytes))
            return
        }
        guard reader.isAtEnd else { throw FormatError("field \(tag.rawValue) is too long") }
    }
}

extension ByteWriter {
    fileprivate mutating func field(_ tag: FieldTag, _ body: (inout ByteWriter) -> Void) {
        var inner = ByteWriter()
        body(&inner)
        number(tag.rawValue)
        text(inner.bytes)
    }

    fileprivate mutating func field(_ tag: FieldTag, _ value: UInt64?) {
        guard let value else { return }
        field(tag) { $0.number(value) }
    }

    fileprivate mutating func field(_ tag: FieldTag, time: Int64?) {
        guard let time else { return }
        field(tag) { $0.signed(time) }
    }
}
