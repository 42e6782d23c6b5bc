import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import Pages

/// Sending spans of a file: step by step, never more than one step unwritten.
extension HTTPConnection {
    /// Spans of at most so many bytes are copied and leave together with the head: one system call less.
    private static let copiedBytesMaximum = 32 << 10

    /// Writes the next step, or begins to fetch it.
    func sendSpans() {
        guard var body = spans else { return }
        if let first = body.first {
            body.first = nil
            spans = body
            return write(first, isLast: body.cursor.isAtEnd)
        }
        let step = copies ? server.options.copiedStepBytes : server.options.stepBytes
        body.cursor.stepBytes = min(step, body.stepMaximum)
        let next = body.cursor.next()
        spans = body
        guard let step = next else { return finish() }
        if let bytes = body.file.resident(step.span) {
            write(HeldBytes(bytes), isLast: body.cursor.isAtEnd)
        } else {
            fetch(step, of: body.file)
        }
        SpanAhead.load(step.ahead, of: body.file, on: server.threads.pool)
    }

    private func fetch(_ step: SpanCursor.Step, of file: any PageFile) {
        wait(for: .answer)
        let (loop, serial) = (loop, serial)
        let bound = NIOLoopBound(self, eventLoop: loop)
        server.threads.pool.submit { state in
            let result = Result { () throws(StoreError) in
                guard state == .active else { throw .cancelled }
                return HeldBytes(try file.read(step.span, asking: step.ask))
            }
            loop.execute { bound.value.fetched(result, for: serial) }
        }
    }

    private func fetched(_ result: Result<HeldBytes, StoreError>, for serial: UInt64) {
        guard serial == self.serial, isOpen, let body = spans else { return }
        switch result {
        case .success(let bytes): write(bytes, isLast: body.cursor.isAtEnd)
        case .failure(let error): breakOff("\(error)")
        }
    }

    private func write(_ held: HeldBytes, isLast: Bool) {
        guard let context else { return }
        wait(for: .peer)
        var (parts, files) = parts(of: held.bytes)
        let promise = loop.makePromise(of: Void.self)
        let lent = LentFiles(held, files)
        let serial = serial
        promise.futureResult.assumeIsolated().whenComplete { result in
            lent.giveBack()
            guard case .success = result, serial == self.serial else { return }
            if isLast { self.finish() } else { self.sendSpans() }
        }
        files = []
        let last = parts.popLast() ?? .byteBuffer(ByteBuffer())
        for part in parts { context.write(wrapOutboundOut(.body(part)), promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.body(last)), promise: promise)
    }

    /// What to write for pinned bytes, and the files among it.
    private func parts(of bytes: PinnedBytes) -> (parts: [IOData], files: [NIOFileHandle]) {
        var parts: [IOData] = []
        var files: [NIOFileHandle] = []
        let isShort = bytes.count <= Self.copiedBytesMaximum
        scratch.clear()
        for piece in bytes.pieces {
            switch piece {
            case .memory(let bytes):
                copies = true
                scratch.writeBytes(bytes)
            case .file(let descriptor, let offset, let count):
                if isShort, copy(count, of: descriptor, at: offset) { continue }
                if scratch.readableBytes > 0 { parts.append(.byteBuffer(takeScratch())) }
                let file = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: descriptor)
                files.append(file)
                let end = Int(offset) + count
                parts.append(
                    .fileRegion(FileRegion(fileHandle: file, readerIndex: Int(offset), endIndex: end))
                )
            }
        }
        if scratch.readableBytes > 0 { parts.append(.byteBuffer(scratch)) }
        return (parts, files)
    }

    private func takeScratch() -> ByteBuffer {
        defer { scratch = ByteBuffer() }
        return scratch
    }

    /// Appends bytes of a file to the scratch buffer.
    /// - Returns: Whether all were there; else nothing was appended.
    private func copy(_ count: Int, of descriptor: Int32, at offset: Int64) -> Bool {
        let before = scratch.writerIndex
        scratch.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { space in
            max(0, pread(descriptor, space.baseAddress, count, off_t(offset)))
        }
        guard scratch.writerIndex - before != count else { return true }
        scratch.moveWriterIndex(to: before)
        return false
    }

    // MARK: - Bytes that are made while they go out

    /// Has a body made on a pool thread, which waits whenever the peer is slower.
    func sendProduced(_ body: ProducedBody) {
        wait(for: .answer)
        let (loop, serial) = (loop, serial)
        let bound = NIOLoopBound(self, eventLoop: loop)
        context?.flush()
        server.threads.pool.submit { state in
            let result = Result { () throws(StoreError) in
                guard state == .active else { throw .cancelled }
                try body.produce { (bytes) throws(StoreError) in
                    let part = ByteBuffer(bytes: bytes)
                    let promise = loop.makePromise(of: Void.self)
                    loop.execute { bound.value.take(part, for: serial, promise) }
                    do { try promise.futureResult.wait() } catch { throw .cancelled }
                }
            }
            loop.execute { bound.value.produced(result, for: serial) }
        }
    }

    private func take(_ part: ByteBuffer, for serial: UInt64, _ promise: EventLoopPromise<Void>) {
        guard serial == self.serial, isOpen, let context else { return promise.fail(ChannelError.eof) }
        wait(for: .peer)
        promise.futureResult.assumeIsolated().whenSuccess {
            if serial == self.serial { self.wait(for: .answer) }
        }
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(part))), promise: promise)
    }

    private func produced(_ result: Result<Void, StoreError>, for serial: UInt64) {
        guard serial == self.serial, isOpen else { return }
        switch result {
        case .success: finish()
        case .failure(let error): breakOff("\(error)")
        }
    }
}

/// Files that a connection sends from, and what keeps them in place.
///
/// Used on one event loop.
private final class LentFiles {
    private var held: HeldBytes?
    private let files: [NIOFileHandle]

    init(_ held: HeldBytes, _ files: [NIOFileHandle]) {
        self.held = held
        self.files = files
    }

    /// Lets go; the descriptors stay open, since the cache owns them.
    func giveBack() {
        for file in files { _ = try? file.takeDescriptorOwnership() }
        held = nil
    }
}

/// Fetching spans that an answer will need.
enum SpanAhead {
    /// Starts what is missing of some spans on the pool.
    static func load(_ spans: [Span], of file: any PageFile, on pool: NIOThreadPool) {
        for span in spans where !file.isCovered(span) {
            pool.submit { state in
                guard state == .active else { return }
                // Whoever sends these bytes asks again and sees its own error.
                try? file.load(span)
            }
        }
    }
}
