#pragma once
#include <stddef.h>
#include <stdint.h>

/* libFuzzer's own entry: parses the options and calls `target` with one input after the other. */
int LLVMFuzzerRunDriver(int *count, char ***arguments, int (*target)(const uint8_t *bytes, size_t size));
