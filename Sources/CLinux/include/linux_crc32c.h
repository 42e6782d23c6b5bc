#ifndef ALLUXIO_LINUX_CRC32C_H
#define ALLUXIO_LINUX_CRC32C_H

#include <stddef.h>
#include <stdint.h>

// CRC-32C (Castagnoli) of `count` bytes, continued from `seed` (0 to begin). By the CPU's instruction if any.
uint32_t linux_crc32c(uint32_t seed, const void *bytes, size_t count);
// The same without the CPU's instruction; for comparison.
uint32_t linux_crc32c_portable(uint32_t seed, const void *bytes, size_t count);
// The CRC-32C of each piece of `piece` bytes (the last may be shorter). `sums` has room for all of them.
void linux_crc32c_pieces(const void *bytes, size_t count, size_t piece, uint32_t *sums);
// The CRC-32C of a run followed by another one of `count` bytes, from the sums of both.
uint32_t linux_crc32c_joined(uint32_t first, uint32_t second, uint64_t count);

#endif
