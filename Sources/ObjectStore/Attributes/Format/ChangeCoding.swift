import Metadata
import Pages

/// Changes as the journal keeps them: the fields that change, each with whether it gets a value.
extension EntryChange {
    fileprivate enum Tag: UInt64 {
        case permissions = 1
        case uid, gid, link, inode, bound
        case type, target, device, accessed, modified, changed
        case extended, name, whole
    }

    func encode(into writer: inout ByteWriter) {
        writer.number(startsAfresh ? 1 : 0)
        writer.change(Tag.permissions.rawValue, permissions) { $0.number(UInt64($1)) }
        writer.change(Tag.uid.rawValue, uid) { $0.number(UInt64($1)) }
        writer.change(Tag.gid.rawValue, gid) { $0.number(UInt64($1)) }
        writer.change(Tag.link.rawValue, link) { $0.text($1.bytes) }
        writer.change(Tag.inode.rawValue, inode) { $0.number($1) }
        if let bound { Self.encode(bound, into: &writer) }
        for (name, value) in extended {
            writer.number(Tag.extended.rawValue)
            writer.text(name)
            writer.number(value == nil ? 0 : 1)
            if let value { writer.text(value) }
        }
        for (name, isAdded) in names {
            writer.number(Tag.name.rawValue)
            writer.text(name.bytes)
            writer.number(isAdded ? 1 : 0)
        }
        for field in unknown {
            writer.number(Tag.whole.rawValue)
            writer.number(field.tag)
            writer.text(field.bytes)
        }
    }

    private static func encode(_ bound: BoundChange, into writer: inout ByteWriter) {
        writer.number(Tag.bound.rawValue)
        writer.number(bound.startsAfresh ? 1 : 0)
        writer.number(bound.etag == nil ? 0 : 1)
        if let etag = bound.etag { writer.text(etag.text.utf8) }
        writer.change(Tag.type.rawValue, bound.type) { $0.number(UInt64($1)) }
        writer.change(Tag.target.rawValue, bound.target) { $0.text($1) }
        writer.change(Tag.device.rawValue, bound.device) { $0.number($1) }
        writer.change(Tag.accessed.rawValue, bound.accessed) { $0.signed($1) }
        writer.change(Tag.modified.rawValue, bound.modified) { $0.signed($1) }
        writer.change(Tag.changed.rawValue, bound.changed) { $0.signed($1) }
    }

    init(from reader: inout ByteReader) throws(FormatError) {
        self.init()
        startsAfresh = try reader.number() == 1
        while !reader.isAtEnd {
            guard let tag = Tag(rawValue: try reader.number()) else { throw FormatError("no such field") }
            try decode(tag, from: &reader)
        }
    }

    private mutating func decode(_ tag: Tag, from reader: inout ByteReader) throws(FormatError) {
        switch tag {
        case .permissions:
            permissions = try reader.change { reader throws(FormatError) in try reader.small(UInt32.self) }
        case .uid: uid = try reader.change { reader throws(FormatError) in try reader.small(UInt32.self) }
        case .gid: gid = try reader.change { reader throws(FormatError) in try reader.small(UInt32.self) }
        case .link:
            link = try reader.change { reader throws(FormatError) in RelativePath(bytes: try reader.text()) }
        case .inode: inode = try reader.change { reader throws(FormatError) in try reader.number() }
        case .extended:
            let name = try reader.text()
            let value: [UInt8]? = try reader.number() == 1 ? try reader.text() : nil
            extended[name] = .some(value)
        case .name:
            let name = RelativePath(bytes: try reader.text())
            names[name] = try reader.number() == 1
        case .whole:
            unknown.append(AttributeEntry.UnknownField(tag: try reader.number(), bytes: try reader.text()))
        case .bound:
            var change = BoundChange()
            change.startsAfresh = try reader.number() == 1
            if try reader.number() == 1 {
                change.etag = ETag(String(decoding: try reader.text(), as: UTF8.self))
            }
            bound = change
        case .type, .target, .device, .accessed, .modified, .changed:
            guard bound != nil else { throw FormatError("a field has no version") }
            try bound?.decode(tag, from: &reader)
        }
    }
}

extension EntryChange.BoundChange {
    fileprivate mutating func decode(_ tag: EntryChange.Tag, from reader: inout ByteReader)
        throws(FormatError)
    {
        switch tag {
        case .type: type = try reader.change { reader throws(FormatError) in try reader.small(UInt32.self) }
        case .target: target = try reader.change { reader throws(FormatError) in try reader.text() }
        case .device: device = try reader.change { reader throws(FormatError) in try reader.number() }
        case .accessed: accessed = try reader.change { reader throws(FormatError) in try reader.signed() }
        case .modified: modified = try reader.change { reader throws(FormatError) in try reader.signed() }
        case .changed: changed = try reader.change { reader throws(FormatError) in try reader.signed() }
        default: throw FormatError("a field is in the wrong place")
        }
    }
}

extension ByteWriter {
    fileprivate mutating func change<Value>(
        _ tag: UInt64,
        _ change: FieldChange<Value>,
        _ body: (inout ByteWriter, Value) -> Void
    ) {
        guard case .set(let value) = change else { return }
        number(tag)
        number(value == nil ? 0 : 1)
        if let value { body(&self, value) }
    }
}

extension ByteReader {
    fileprivate mutating func change<Value>(
        _ body: (inout ByteReader) throws(FormatError) -> Value
    ) throws(FormatError) -> FieldChange<Value> {
        .set(try number() == 1 ? try body(&self) : nil)
    }
}
