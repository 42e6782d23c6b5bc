#include "linux_crc32c.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#if defined(__aarch64__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

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

// --- sums of joined runs ---------------------------------------------------------------------------------
//
// A sum is a polynomial over GF(2) modulo the generator, lowest power in the highest bit. The sum of a run
// that another of `count` bytes follows moves up by x to the power of 8 * count.

static const uint32_t generator = 0x82F63B78u;

static uint32_t product(uint32_t a, uint32_t b) {
    uint32_t result = 0;
    for (uint32_t bit = 1u << 31; bit != 0; bit >>= 1) {
        if (a & bit) result ^= b;
        b = (b >> 1) ^ ((b & 1) ? generator : 0);
    }
    return result;
}

// x to the power of 2^n.
static uint32_t powers[64];
static pthread_once_t powers_once = PTHREAD_ONCE_INIT;

static void fill_powers(void) {
    powers[0] = 1u << 30;
    for (int n = 1; n < 64; n++) powers[n] = product(powers[n - 1], powers[n - 1]);
}

// x to the power of 8 * count.
static uint32_t power_of_bytes(uint64_t count) {
    pthread_once(&powers_once, fill_powers);
    uint32_t result = 1u << 31;
    for (int n = 3; count != 0 && n < 64; n++, count >>= 1)
        if (count & 1) result = product(powers[n], result);
    return result;
}

uint32_t linux_crc32c_joined(uint32_t first, uint32_t second, uint64_t count) {
    return product(power_of_bytes(count), first) ^ second;
}

#if defined(CRC_HARDWARE)
// Long enough that joining three sums costs little beside making them, short enough for the first cache.
enum { joined_bytes = 8 << 10 };
static uint32_t joined_power;
static pthread_once_t joined_power_once = PTHREAD_ONCE_INIT;

static void fill_joined_power(void) { joined_power = power_of_bytes(joined_bytes); }

static uint32_t crc_hardware_long(uint32_t crc, const uint8_t *p, size_t count) {
    pthread_once(&joined_power_once, fill_joined_power);
    for (; count >= 3 * joined_bytes; count -= 3 * joined_bytes, p += 3 * joined_bytes) {
        uint32_t sums[3];
        crc_three(p, joined_bytes, sums);
        for (int n = 0; n < 3; n++) crc = product(joined_power, crc) ^ sums[n];
    }
    return crc_hardware(crc, p, count);
}
#endif

uint32_t linux_crc32c(uint32_t seed, const void *bytes, size_t count) {
#if defined(CRC_HARDWARE)
    if (has_crc_instruction()) return crc_hardware_long(seed, bytes, count);
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
