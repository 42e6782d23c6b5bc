import Glibc

/// Seconds since 1970 as the three date formats of S3, without locale or allocation.
enum CivilTime {
    /// Seconds since 1970 by the system's clock.
    static func now() -> Int64 { Int64(time(nil)) }

    /// `20130524T000000Z`, the form of `x-amz-date`.
    static func amazon(_ seconds: Int64) -> [UInt8] {
        let clamped = min(max(seconds, 0), 253_402_300_799)
        let day = clamped / 86_400
        let rest = clamped % 86_400
        let (year, month, dayOfMonth) = civil(fromDays: day)
        var text: [UInt8] = []
        text.reserveCapacity(16)
        append(year, digits: 4, to: &text)
        append(month, digits: 2, to: &text)
        append(dayOfMonth, digits: 2, to: &text)
        text.append(UInt8(ascii: "T"))
        append(rest / 3600, digits: 2, to: &text)
        append(rest / 60 % 60, digits: 2, to: &text)
        append(rest % 60, digits: 2, to: &text)
        text.append(UInt8(ascii: "Z"))
        return text
    }

    /// Reads `2009-10-12T17:50:30.000Z`, as listings have it.
    ///
    /// Fractions are left out: HEAD has none, and a file's time must not depend on who told it.
    /// - Returns: Seconds since 1970, or nil if the text is something else.
    static func parseISO8601(_ text: some Collection<UInt8>) -> Int64? {
        var digits = Digits(text)
        guard let year = digits.take(4), digits.skip("-"), let month = digits.take(2), digits.skip("-"),
            let day = digits.take(2), digits.skip("T"), let hour = digits.take(2), digits.skip(":"),
            let minute = digits.take(2), digits.skip(":"), let second = digits.take(2)
        else { return nil }
        return seconds(year, month, day, hour, minute, second)
    }

    /// Reads `Wed, 12 Oct 2009 17:50:00 GMT`, as `Date` and `Last-Modified` have it.
    /// - Returns: Seconds since 1970, or nil if the text is something else.
    static func parseHTTP(_ text: some Collection<UInt8>) -> Int64? {
        guard let comma = text.firstIndex(of: UInt8(ascii: ",")) else { return nil }
        var digits = Digits(text[text.index(after: comma)...])
        guard digits.skip(" "), let day = digits.take(2), digits.skip(" "), let month = digits.month(),
            digits.skip(" "), let year = digits.take(4), digits.skip(" "), let hour = digits.take(2),
            digits.skip(":"), let minute = digits.take(2), digits.skip(":"), let second = digits.take(2)
        else { return nil }
        return seconds(year, month, day, hour, minute, second)
    }

    private static func seconds(
        _ year: Int64,
        _ month: Int64,
        _ day: Int64,
        _ hour: Int64,
        _ minute: Int64,
        _ second: Int64
    ) -> Int64? {
        guard (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61 else {
            return nil
        }
        return days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
    }

    /// Days since 1970 of a date of the Gregorian calendar; years are counted from March, so that the leap
    /// day is the last of its year.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let index = (5 * dayOfYear + 2) / 153
        let month = index < 10 ? index + 3 : index - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * index + 2) / 5 + 1)
    }

    private static func append(_ value: Int64, digits: Int, to text: inout [UInt8]) {
        var divisor: Int64 = 1
        for _ in 1..<digits { divisor *= 10 }
        while divisor > 0 {
            text.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }
}

/// Reads fixed-width numbers and separators from the front of a text.
private struct Digits<Text: Collection<UInt8>> {
    private var rest: Text.SubSequence

    init(_ text: Text) { rest = text[...] }

    mutating func take(_ count: Int) -> Int64? {
        var value: Int64 = 0
        for _ in 0..<count {
            guard let byte = rest.popFirst(), byte >= 0x30, byte <= 0x39 else { return nil }
            value = value * 10 + Int64(byte - 0x30)
        }
        return value
    }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        rest.popFirst() == UInt8(ascii: character)
    }

    mutating func month() -> Int64? {
        let names = "JanFebMarAprMayJunJulAugSepOctNovDec".utf8
        let name = Array(rest.prefix(3))
        rest = rest.dropFirst(3)
        guard name.count == 3 else { return nil }
        for month in 0..<12 where names.dropFirst(month * 3).starts(with: name) { return Int64(month + 1) }
        return nil
    }
}
