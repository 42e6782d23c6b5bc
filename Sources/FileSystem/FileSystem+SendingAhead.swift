import Synchronization

/// Bringing parts of a file into the store while it is still being written.
extension FileSystem {
    /// Sends parts on the pool, a few at a time; a file that gets no turn now asks again at its next write.
    func sendAhead(_ writer: Writer) {
        guard beginSending(writer) else { return }
        let isAccepted = pool.submit(.ahead) { [self] in
            let goesOn = writer.sendAhead()
            endSending(writer)
            if goesOn { sendAhead(writer) }
        }
        if !isAccepted { endSending(writer) }
    }

    private func beginSending(_ writer: Writer) -> Bool {
        guard writer.beginSending() else { return false }
        let sending = partsSending.add(1, ordering: .relaxed).newValue
        guard sending > Self.partsSendingMaximum else { return true }
        endSending(writer)
        return false
    }

    private func endSending(_ writer: Writer) {
        partsSending.subtract(1, ordering: .relaxed)
        writer.endSending()
    }

    /// The most parts of all files that are sent ahead at a time: more cost the server more for each of them.
    private static let partsSendingMaximum = 8
}
