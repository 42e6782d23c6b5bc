#define _GNU_SOURCE
#include "linux_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#if defined(__aarch64__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

// --- CRC-32C ---------------------------------------------------------------------------------------------

static uint32_t crc_table[8][256];
static pthread_once_t crc_table_once = PTHREAD_ONCE_INIT;

static void fill_crc_table(void) {
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t crc = n;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) ? 0x82F63B78u : 0);
        crc_table[0][n] = crc;
    }
    for (uint32_t n = 0; n < 256; n++)
        for (int k = 1; k < 8; k++)
            crc_table[k][n] = crc_table[0][crc_table[k - 1][n] & 0xff] ^ (crc_table[k - 1][n] >> 8);
}

uint32_t linux_crc32c_portable(uint32_t seed, const void *bytes, size_t count) {
    pthread_once(&crc_table_once, fill_crc_table);
    const uint8_t *p = bytes;
    uint32_t crc = ~seed;
    for (; count >= 8; count -= 8, p += 8) {
        uint32_t low = crc ^
                       ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
        crc = crc_table[7][low & 0xff] ^ crc_table[6][(low >> 8) & 0xff] ^ crc_table[5][(low >> 16) & 0xff] ^
              crc_table[4][low >> 24] ^ crc_table[3][p[4]] ^ crc_table[2][p[5]] ^ crc_table[1][p[6]] ^
              crc_table[0][p[7]];
    }
    for (; count > 0; count--, p++) crc = crc_table[0][(crc ^ *p) & 0xff] ^ (crc >> 8);
    return ~crc;
}

#if defined(__x86_64__)
#define CRC_HARDWARE __attribute__((target("sse4.2")))
#define CRC_WORD(crc, word) ((uint32_t)__builtin_ia32_crc32di((crc), (word)))
#define CRC_BYTE(crc, byte) __builtin_ia32_crc32qi((crc), (byte))
static bool has_crc_instruction(void) { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__)
#define CRC_HARDWARE __attribute__((target("+crc")))
#define CRC_WORD(crc, word) __crc32cd((crc), (word))
#define CRC_BYTE(crc, byte) __crc32cb((crc), (byte))
static bool has_crc_instruction(void) { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }
#endif

#if defined(CRC_HARDWARE)
static inline uint64_t load_word(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

CRC_HARDWARE static uint32_t crc_hardware(uint32_t seed, const uint8_t *p, size_t count) {
    uint32_t crc = ~seed;
    for (; count >= 8; count -= 8, p += 8) crc = CRC_WORD(crc, load_word(p));
    for (; count > 0; count--, p++) crc = CRC_BYTE(crc, *p);
    return ~crc;
}

// The instruction has a latency of three cycles and a throughput of one: three sums at a time hide it.
CRC_HARDWARE static void crc_three(const uint8_t *p, size_t piece, uint32_t *sums) {
    const uint8_t *q = p + piece, *r = q + piece;
    uint32_t a = ~0u, b = ~0u, c = ~0u;
    for (size_t n = 0; n < piece; n += 8) {
        a = CRC_WORD(a, load_word(p + n));
        b = CRC_WORD(b, load_word(q + n));
        c = CRC_WORD(c, load_word(r + n));
    }
    sums[0] = ~a;
    sums[1] = ~b;
    sums[2] = ~c;
}
#endif

uint32_t linux_crc32c(uint32_t seed, const void *bytes, size_t count) {
#if defined(CRC_HARDWARE)
    if (has_crc_instruction()) return crc_hardware(seed, bytes, count);
#endif
    return linux_crc32c_portable(seed, bytes, count);
}

void linux_crc32c_pieces(const void *bytes, size_t count, size_t piece, uint32_t *sums) {
    const uint8_t *p = bytes;
#if defined(CRC_HARDWARE)
    if (has_crc_instruction() && piece % 8 == 0) {
        for (; count >= 3 * piece; count -= 3 * piece, p += 3 * piece, sums += 3) crc_three(p, piece, sums);
    }
#endif
    while (count > 0) {
        size_t length = count < piece ? count : piece;
        *sums++ = linux_crc32c(0, p, length);
        p += length;
        count -= length;
    }
}

// --- memory ----------------------------------------------------------------------------------------------

void *linux_memory_reserve(size_t bytes) {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (start == MAP_FAILED) return NULL;
    // Blocks are used in ascending order, so huge pages waste one at most, and save a fault per 4 KiB.
    madvise(start, bytes, MADV_HUGEPAGE);
    return start;
}

int linux_memory_discard(void *start, size_t bytes) {
    return madvise(start, bytes, MADV_DONTNEED) == 0 ? 0 : -errno;
}

int linux_memory_release(void *start, size_t bytes) { return munmap(start, bytes) == 0 ? 0 : -errno; }

// --- files -----------------------------------------------------------------------------------------------

int64_t linux_pread_all(int descriptor, void *bytes, size_t count, int64_t offset) {
    size_t done = 0;
    while (done < count) {
        ssize_t n = pread(descriptor, (char *)bytes + done, count - done, offset + (int64_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        if (n == 0) break;
        done += (size_t)n;
    }
    return (int64_t)done;
}

int linux_pwrite_all(int descriptor, const void *bytes, size_t count, int64_t offset) {
    size_t done = 0;
    while (done < count) {
        ssize_t n = pwrite(descriptor, (const char *)bytes + done, count - done, offset + (int64_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        if (n == 0) return -ENOSPC;
        done += (size_t)n;
    }
    return 0;
}

int linux_punch_hole(int descriptor, int64_t offset, int64_t count) {
    int result;
    do {
        result = fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, count);
    } while (result < 0 && errno == EINTR);
    return result == 0 ? 0 : -errno;
}

int linux_lock_exclusive(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : -errno; }

int linux_open_at(int directory, const char *path, int flags, unsigned mode) {
    int descriptor;
    do {
        descriptor = openat(directory, path, flags | O_CLOEXEC, mode);
    } while (descriptor < 0 && errno == EINTR);
    return descriptor >= 0 ? descriptor : -errno;
}

uint32_t linux_coarse_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u);
}
