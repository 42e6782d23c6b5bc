/* Declarations only; the code comes with -sanitize=fuzzer. */
