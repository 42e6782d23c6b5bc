import Glibc

/// Times as header fields and S3's documents have them, without locale.
enum HTTPDate {
    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// The time now, in seconds since 1970.
    static func now() -> Int64 { Int64(time(nil)) }

    /// `Wed, 12 Oct 2009 17:50:00 GMT`.
    /// - Parameter seconds: Since 1970; clamped to the years 1970 to 9999.
    /// - Returns: The text.
    static func header(_ seconds: Int64) -> String {
        let at = civil(seconds)
        let day = days[Int(at.tm_wday)]
        let month = months[Int(at.tm_mon)]
        return "\(day), \(two(at.tm_mday)) \(month) \(at.tm_year + 1900) \(clock(at)) GMT"
    }

    /// `2009-10-12T17:50:30.000Z`.
    /// - Parameter seconds: Since 1970; clamped to the years 1970 to 9999.
    /// - Returns: The text.
    static func iso8601(_ seconds: Int64) -> String {
        let at = civil(seconds)
        return "\(at.tm_year + 1900)-\(two(at.tm_mon + 1))-\(two(at.tm_mday))T\(clock(at)).000Z"
    }

    private static func civil(_ seconds: Int64) -> tm {
        var clamped = time_t(min(max(seconds, 0), 253_402_300_799))
        var parts = tm()
        gmtime_r(&clamped, &parts)
        return parts
    }

    private static func clock(_ at: tm) -> String {
        "\(two(at.tm_hour)):\(two(at.tm_min)):\(two(at.tm_sec))"
    }

    private static func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
