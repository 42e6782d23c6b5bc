import Pages
import Synchronization

/// Every open file and directory.
///
/// With ``InodeTable``, the only home of such state.
///
/// A handle's number is its slot and the slot's generation, so a number of the past is never taken for a new
/// one. Handles of one node share one ``OpenFile``. Any thread may call it; nothing waits under its lock.
final class Handles: Sendable {
    private enum Occupant {
        case free(next: Int)
        case file(OpenFile)
        case directory(OpenDirectory)
    }

    private struct Slot {
        var generation: UInt32
        var occupant: Occupant
    }

    private struct State {
        var slots: [Slot] = []
        var firstFree = -1
        var files = 0
        var directories = 0
        var open: [NodeID: OpenFile] = [:]
    }

    private let maximum: Int
    private let state = Mutex(State())

    /// Makes an empty table.
    /// - Parameter maximum: The most handles.
    init(maximum: Int) {
        self.maximum = min(maximum, Int(Int32.max))
    }

    /// How many files and directories are open.
    var counts: (files: Int, directories: Int) { state.withLock { ($0.files, $0.directories) } }

    /// The open files, each once.
    var files: [OpenFile] { state.withLock { Array($0.open.values) } }

    /// The open file of a node; nil if nobody has it open.
    func file(of node: NodeID) -> OpenFile? { state.withLock { $0.open[node] } }

    /// Opens a handle on a node that may be open already.
    /// - Parameters:
    ///   - node: The node's number.
    ///   - make: Makes the shared part if this is the first handle; quick, never waits.
    /// - Returns: The new handle.
    /// - Throws: ``FileSystemError/tooMany(_:)``.
    func openFile(_ node: NodeID, _ make: () -> OpenFile) throws(FileSystemError) -> HandleID {
        // Made outside the lock; dropped if somebody else was first.
        let made: OpenFile? = state.withLock { $0.open[node] } == nil ? make() : nil
        return try state.withLock { state throws(FileSystemError) in
            try checkRoom(state)
            let file = state.open[node] ?? made ?? make()
            state.open[node] = file
            file.opens.add(1, ordering: .relaxed)
            state.files += 1
            return Self.place(.file(file), &state)
        }
    }

    /// Opens a handle on a directory.
    func openDirectory(_ directory: OpenDirectory) throws(FileSystemError) -> HandleID {
        try state.withLock { state throws(FileSystemError) in
            try checkRoom(state)
            state.directories += 1
            return Self.place(.directory(directory), &state)
        }
    }

    /// The open file of a handle; nil if there is none.
    func file(_ handle: HandleID) -> OpenFile? {
        state.withLock { state in
            guard let slot = Self.slot(handle, state), case .file(let file) = state.slots[slot].occupant
            else {
                return nil
            }
            return file
        }
    }

    /// The open directory of a handle; nil if there is none.
    func directory(_ handle: HandleID) -> OpenDirectory? {
        state.withLock { state in
            guard let slot = Self.slot(handle, state),
                case .directory(let directory) = state.slots[slot].occupant
            else { return nil }
            return directory
        }
    }

    /// Closes an open file.
    /// - Returns: What was open and whether this was its last handle; nil if there was no such handle.
    func closeFile(_ handle: HandleID) -> (file: OpenFile, wasLast: Bool)? {
        state.withLock { state -> (file: OpenFile, wasLast: Bool)? in
            guard let slot = Self.slot(handle, state), case .file(let file) = state.slots[slot].occupant
            else {
                return nil
            }
            Self.vacate(slot, &state)
            state.files -= 1
            let wasLast = file.opens.subtract(1, ordering: .relaxed).newValue == 0
            if wasLast { state.open[file.node.id] = nil }
            return (file, wasLast)
        }
    }

    /// Closes an open directory.
    /// - Returns: What was open; nil if there was no such handle.
    func closeDirectory(_ handle: HandleID) -> OpenDirectory? {
        state.withLock { state in
            guard let slot = Self.slot(handle, state),
                case .directory(let directory) = state.slots[slot].occupant
            else { return nil }
            Self.vacate(slot, &state)
            state.directories -= 1
            return directory
        }
    }

    private func checkRoom(_ state: borrowing State) throws(FileSystemError) {
        guard state.files + state.directories < maximum else {
            throw .tooMany("openFilesMaximum: \(maximum) files and directories are open; raise it")
        }
    }

    private static func slot(_ handle: HandleID, _ state: borrowing State) -> Int? {
        let index = Int(handle & 0xFFFF_FFFF)
        guard index < state.slots.count, state.slots[index].generation == UInt32(handle >> 32) else {
            return nil
        }
        return index
    }

    private static func place(_ occupant: Occupant, _ state: inout State) -> HandleID {
        let index: Int
        if case .free(let next)? = state.firstFree < 0 ? nil : state.slots[state.firstFree].occupant {
            index = state.firstFree
            state.firstFree = next
            state.slots[index].occupant = occupant
        } else {
            index = state.slots.count
            state.slots.append(Slot(generation: 1, occupant: occupant))
        }
        return HandleID(state.slots[index].generation) << 32 | HandleID(index)
    }

    private static func vacate(_ slot: Int, _ state: inout State) {
        state.slots[slot].generation &+= 1
        state.slots[slot].occupant = .free(next: state.firstFree)
        state.firstFree = slot
    }
}
