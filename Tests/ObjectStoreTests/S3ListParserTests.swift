import SeededRandom
import Testing

@testable import ObjectStore

struct S3ListParserTests {
    private func texts(_ document: String) throws -> [String] {
        var scanner = XMLScanner(bytes: Array(document.utf8))
        var found: [String] = []
        while true {
            switch try scanner.next() {
            case .end: return found
            case .open(let name): found.append("<" + String(decoding: scanner.bytes[name], as: UTF8.self))
            case .close: found.append(">")
            case .text(let range, let hasEntities):
                var text: [UInt8] = []
                try scanner.append(text: range, hasEntities: hasEntities, to: &text)
                found.append(String(decoding: text, as: UTF8.self))
            }
        }
    }

    @Test func `elements, texts, entities, CDATA and comments are read`() throws {
        let document = """
            <?xml version="1.0"?><!-- c --><a x="1>2" y='"'><n:b>1&amp;2&#x41;&#233;</n:b><c/>\
            <![CDATA[<&>]]><!-- - -- --></a > trailing
            """
        #expect(try texts(document) == ["<a", "<b", "1&2Aé", ">", "<c", ">", "<&>", ">"])
    }

    @Test(arguments: [
        "", "<", "<a", "<a>", "<a></b>", "<a>&unknown;</a>", "<a>&#xD800;</a>", "<a>&#99999999;</a>", "<a>&",
        "text", "<a><![CDATA[x</a>", "<!-- ", "</a>", "<!DOCTYPE a><a/>", "<a x='>", "<a/ >", "<>", "<a<b/>",
        "<![CDATA[x]]>", "<a>&#+5;</a>", "< a/>", String(repeating: "<a>", count: 40),
    ])
    func `what is not well-formed is an error`(document: String) {
        #expect(throws: XMLError.self) { try texts(document) }
    }

    @Test func `any bytes end in a result or an error`() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        let pieces = [
            "<", ">", "/", "&", ";", "#", "x", "<a>", "</a>", "<Contents>", "</Contents>", "<Key>", "</Key>",
            "<ListBucketResult>", "</ListBucketResult>", "]]>", "<![CDATA[", "<!--", "-->", "?>", "<?", "\"",
            "'", "\0",
            "<CommonPrefixes>", "<Prefix>", "</Prefix>", "<IsTruncated>", "true", "&lt;", "\u{FF}", " ",
        ]
        for _ in 0..<20_000 {
            var document: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<40, using: &random) {
                if Int.random(in: 0..<10, using: &random) == 0 {
                    document.append(UInt8.random(in: 0...255, using: &random))
                } else {
                    document += Array(pieces[Int.random(in: 0..<pieces.count, using: &random)].utf8)
                }
            }
            do throws(XMLError) {
                let result = try S3ListParser.parse(document)
                for object in result.objects where object.key.upperBound > result.texts.count {
                    Issue.record("seed \(seed): key outside of the texts")
                }
            } catch {
                continue
            }
        }
    }

    @Test func `a listing is read in any order of its fields`() throws {
        let document = """
            <?xml version="1.0" encoding="UTF-8"?>
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
              <Name>b</Name><Prefix>d/</Prefix><IsTruncated>true</IsTruncated>
              <Contents><ETag>&quot;abc&#34;</ETag><Owner><ID>1</ID><Key>no</Key></Owner><Size>12</Size>
                <Key>d/x%2By+z</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified></Contents>
              <CommonPrefixes><Prefix>d/sub/</Prefix></CommonPrefixes>
              <NextContinuationToken>a&amp;b</NextContinuationToken><EncodingType>url</EncodingType>
            </ListBucketResult>
            """
        let result = try S3ListParser.parse(Array(document.utf8))
        #expect(result.isTruncated)
        #expect(result.isURLEncoded)
        #expect(result.nextToken == "a&b")
        let object = try #require(result.objects.first)
        #expect(result.objects.count == 1)
        #expect(result.decoded(object.key) == Array("d/x+y z".utf8))
        #expect(result.texts[object.etag].elementsEqual("abc".utf8))
        #expect(object.size == 12)
        #expect(object.modified == 1_255_369_830)
        #expect(result.prefixes.map { result.decoded($0) } == [Array("d/sub/".utf8)])
    }

    @Test func `another document is refused`() {
        for document in ["<html></html>", "<Error><Code>X</Code></Error>", "{}"] {
            #expect(throws: XMLError.self) { try S3ListParser.parse(Array(document.utf8)) }
        }
    }
}
