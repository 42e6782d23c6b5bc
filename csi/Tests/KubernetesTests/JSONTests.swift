import Kubernetes
import Testing

@Suite struct JSONTests {
    @Test(arguments: [
        #"{"a":[1,-2.50,1e3,0,"x"],"b":null,"c":{"d":true,"e":false}}"#, "[]", "{}", #""""#,
        "12345678901234567890",
    ])
    func `what is read is written as it was`(text: String) throws {
        #expect(try JSON(reading: text.utf8).text == text)
    }

    @Test func `blanks go, members are in the order of their names, and the last of one name counts`() throws
    {
        let value = try JSON(reading: " { \"b\" : 1 ,\n\t\"a\" : [ 2 , 3 ] , \"b\":4 }\r\n".utf8)
        #expect(value.text == #"{"a":[2,3],"b":4}"#)
    }

    @Test func `escapes become what they mean`() throws {
        let value = try JSON(reading: #""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud83dx""#.utf8)
        #expect(value.string == "\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{1f600}\u{fffd}x")
        #expect(JSON.string("a\"\\\n\u{1}é").text == #""a\"\\\n\u0001é""#)
    }

    @Test(arguments: [
        "", " ", "{", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "01", "1.", ".5", "-", "+1", "tru", "nullx",
        "\"",
        "\"\\x\"", "\"\\u12\"", "\"\\u+123\"", "\"\n\"", "1 2", "[1 2]", "{\"a\":1,}", "1e", "NaN",
    ])
    func `what is no JSON is refused`(text: String) {
        #expect(throws: JSONError.self) { try JSON(reading: text.utf8) }
    }

    @Test func `bytes that are no UTF-8 are refused`() {
        #expect(throws: JSONError.self) { try JSON(reading: [0x22, 0xFF, 0x22]) }
    }

    @Test func `sixty-four values inside each other are read and no more`() throws {
        let deepest = JSON.depthMaximum
        let fits = String(repeating: "[", count: deepest) + String(repeating: "]", count: deepest)
        #expect(try JSON(reading: fits.utf8).text == fits)
        #expect(throws: JSONError.self) { try JSON(reading: "[\(fits)]".utf8) }
        #expect(throws: JSONError.self) { try JSON(reading: String(repeating: "[", count: 1 << 20).utf8) }
    }

    @Test func `an error quotes nothing of the text`() {
        let error = #expect(throws: JSONError.self) { try JSON(reading: #"{"password":"hunter2"x}"#.utf8) }
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test func `setting a member makes an object, and nil takes it away`() {
        var value: JSON = 1
        value["a"] = ["b": 2]
        value["c"] = nil
        #expect(value == ["a": ["b": 2]])
        value["a"]?["b"] = nil
        #expect(value == ["a": [:]])
        #expect(value[path: "a", "b", "c"] == nil)
    }

    @Test func `YAML becomes JSON as Kubernetes reads it`() throws {
        let value = try JSON(
            yaml: """
                # a template
                metadata: {name: "yes", labels: {a: on, n: "1", v: 1.20}}
                spec:
                  containers:
                    - name: c
                      ports: [{containerPort: 80}]
                      mode: 0644
                  empty:
                  tilde: ~
                  text: |
                    two
                    lines
                  date: 2026-11-26
                  quoted: '0644'
                  huge: 1e400
                """
        )
        #expect(value["metadata"] == ["name": "yes", "labels": ["a": true, "n": "1", "v": .number("1.2")]])
        #expect(
            value[path: "spec", "containers"] == [
                ["name": "c", "ports": [["containerPort": 80]], "mode": 420]
            ]
        )
        #expect(value[path: "spec", "empty"] == .null && value[path: "spec", "tilde"] == .null)
        #expect(value[path: "spec", "text"] == "two\nlines\n")
        #expect(value[path: "spec", "date"] == "2026-11-26" && value[path: "spec", "quoted"] == "0644")
        #expect(value[path: "spec", "huge"] == "1e400")
        #expect(try JSON(yaml: "") == .null)
    }

    @Test(arguments: ["a: [", "a: 1\na: 2", "[1]: 2", "--- 1\n--- 2", "a: *b", "\ta: 1"])
    func `what is no document is refused`(text: String) {
        #expect(throws: YAMLError.self) { try JSON(yaml: text) }
    }

    @Test func `aliases cannot make a few bytes into a million values`() {
        var lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
        for level in 1..<7 {
            let again = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ",")
            lines.append("a\(level): &a\(level) [\(again)]")
        }
        let error = #expect(throws: YAMLError.self) { try JSON(yaml: lines.joined(separator: "\n")) }
        #expect(error?.description.contains("more than 100000 values") == true)
    }
}
