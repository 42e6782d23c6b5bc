#define _GNU_SOURCE
#include "linux_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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

int linux_make_directories(const char *path) {
    char part[PATH_MAX];
    size_t length = strlen(path);
    if (length >= sizeof part) return -ENAMETOOLONG;
    memcpy(part, path, length + 1);
    int result = 0;
    for (size_t end = 1; end <= length; end++) {
        if (path[end] != '/' && path[end] != 0) continue;
        part[end] = 0;
        // A parent that may not be written to but is there can answer EROFS or EACCES: the last one counts.
        result = mkdir(part, 0700) == 0 || errno == EEXIST ? 0 : -errno;
        part[end] = path[end];
    }
    return result == 0 || access(path, F_OK) == 0 ? 0 : result;
}

uint32_t linux_coarse_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u);
}
