import HTTPTransport
import Metadata
import NIOCore
import NIOHTTP1
import Pages

/// The endpoints by which our own clients share what a worker knows of names.
extension WorkerResponder {
    /// `/v1/attributes/{id}`: what one name stands for.
    func attributes(_ id: [UInt8], _ request: ServedRequest, mayWait: Bool) throws(HTTPFailure) -> Answer {
        let location = try locate(id, request)
        let age = MetadataAge(cacheControl: request.field("Cache-Control"))
        let known = EntryKind(word: request.target.text("known"))
        let (found, foundAge) = try state.attributes(of: location, age, known: known, mayWait: mayWait)
        var members: [(String, JSONDocument)] = [
            ("kind", .string(found.kind.word)), ("size", .number(found.size)),
            ("modifiedNs", .number(found.modified)),
        ]
        if let etag = found.etag { members.append(("etag", .string(etag.text))) }
        return .json(.object(members), fields: foundAge.map { [Self.ageField($0)] } ?? [])
    }

    /// `/v1/entries/{id}`: some entries of a directory, one a line, and where to go on.
    func entries(_ id: [UInt8], _ request: ServedRequest, mayWait: Bool) throws(HTTPFailure) -> Answer {
        guard mayWait else { throw .wouldWait }
        let location = try locate(id, request)
        let age = MetadataAge(cacheControl: request.field("Cache-Control"))
        let (cache, interval) = state.namespaces.cache(of: location.mount, age: age)
        let place: HeldListings.Place
        let listing: Listing
        do throws(StoreError) {
            if let token = request.target.text("token") {
                (place, listing) = try held(token)
                listing.touch()
            } else {
                listing = try cache.listing(of: location.path, mayWait: true)
                place = HeldListings.Place(id: 0, index: 0, directories: 0)
            }
            try listing.fill(beyond: place.index)
        } catch .stale {
            throw .refused(.gone, "the listing is no longer held; begin again without a token")
        } catch {
            throw HTTPFailure(error, location)
        }
        let body = EntriesText(listing, from: place)
        let last = body.last { state.listings.hold(listing) }
        let listingAge = WorkerState.age(validFor: listing.validFor, of: interval)
        return Answer(
            .ok,
            [("Content-Type", "application/x-ndjson")] + (listingAge.map { [Self.ageField($0)] } ?? []),
            .bytes(body.lines + last)
        )
    }

    private func held(_ token: String) throws(StoreError) -> (HeldListings.Place, Listing) {
        guard let place = HeldListings.Place(token), let listing = state.listings.find(place.id) else {
            throw .stale
        }
        return (place, listing)
    }
}

/// One answer of `/v1/entries`.
///
/// A line for each entry: `["name","f",size,modifiedNs,"etag"]` for files, `["name","d",0,modifiedNs]` for
/// directories, `"l"` and `"s"` for links and special files. Names and etags are percent-encoded, so that no
/// string has an escape of JSON. The last line is an object.
struct EntriesText {
    /// The entries.
    private(set) var lines: [UInt8] = []
    private let next: HeldListings.Place
    private let isLast: Bool
    private let hidden: Int

    /// Takes some entries of a listing.
    init(_ listing: Listing, from place: HeldListings.Place) {
        // Asked first: entries that come later belong to the next answer.
        let (isComplete, count) = (listing.isComplete, listing.count)
        hidden = listing.hiddenCount
        var (index, directories, left) = (place.index, place.directories, WorkerLimits.entriesMaximum)
        var lines: [UInt8] = []
        listing.forEach(from: place.index) { at, name, attributes in
            Self.append(name, attributes, to: &lines)
            index = at + 1
            directories += attributes.kind == .directory ? 1 : 0
            left -= 1
            return left > 0
        }
        next = HeldListings.Place(id: place.id, index: index, directories: directories)
        isLast = isComplete && index >= count
        if isLast, place.index > 0 { Self.appendPromoted(listing, counted: directories, to: &lines) }
        self.lines = lines
    }

    /// A name that came as a file and turned out to be a directory later comes once more, as a directory;
    /// then all directories come once more, since it is not known which one it was.
    private static func appendPromoted(_ listing: Listing, counted: Int, to lines: inout [UInt8]) {
        var directories = 0
        listing.forEach(from: 0) { _, _, attributes in
            directories += attributes.kind == .directory ? 1 : 0
            return true
        }
        guard directories != counted else { return }
        listing.forEach(from: 0) { _, name, attributes in
            if attributes.kind == .directory { append(name, attributes, to: &lines) }
            return true
        }
    }

    /// The last line.
    /// - Parameter hold: Keeps the listing for the next answer, if there is one; gives its id.
    /// - Returns: A JSON object and a line feed.
    func last(_ hold: () -> UInt64) -> [UInt8] {
        var members: [(String, JSONDocument)] = []
        if !isLast {
            let id = next.id == 0 ? hold() : next.id
            let place = HeldListings.Place(id: id, index: next.index, directories: next.directories)
            members.append(("next", .string(place.text)))
        }
        members.append(("hidden", .number(Int64(hidden))))
        return JSONDocument.object(members).encoded + [UInt8(ascii: "\n")]
    }

    private static func append(
        _ name: UnsafeRawBufferPointer,
        _ attributes: Attributes,
        to text: inout [UInt8]
    ) {
        text.append(contentsOf: "[\"".utf8)
        PercentCoding.append(name, to: &text)
        text.append(contentsOf: "\",\"\(attributes.kind.letter)\",\(attributes.size),".utf8)
        text.append(contentsOf: "\(attributes.modified)".utf8)
        if let etag = attributes.etag {
            text.append(contentsOf: ",\"".utf8)
            PercentCoding.append(etag.text.utf8, to: &text)
            text.append(UInt8(ascii: "\""))
        }
        text.append(contentsOf: "]\n".utf8)
    }
}

extension EntryKind {
    /// The word for the kind in JSON.
    var word: String {
        switch self {
        case .file: "file"
        case .directory: "directory"
        case .symbolicLink: "link"
        case .special: "special"
        }
    }

    /// The letter for the kind in a list of entries.
    var letter: String { String(word.prefix(1)) }

    /// The kind that a word stands for; nil for other words.
    init?(word: String?) {
        switch word {
        case "file": self = .file
        case "directory": self = .directory
        case "link": self = .symbolicLink
        case "special": self = .special
        default: return nil
        }
    }
}
