import Testing

@Suite struct LocalConformanceTests {
    @Test(arguments: StoreConformance.allCases, [true, false])
    func aLocalStoreKeepsEveryPromise(_ promise: StoreConformance, withOpenat2: Bool) throws {
        try promise.check(LocalFixture(allowsOpenat2: withOpenat2))
    }

    @Test(arguments: WritableConformance.allCases, [true, false])
    func aLocalStoreKeepsEveryPromiseOfAStoreThatCanBeChanged(
        _ promise: WritableConformance,
        withOpenat2: Bool
    ) throws {
        try promise.check(LocalFixture(allowsOpenat2: withOpenat2))
    }
}
