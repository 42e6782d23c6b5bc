#ifndef ALLUXIO_LINUX_MEMORY_H
#define ALLUXIO_LINUX_MEMORY_H

#include <stddef.h>
#include <stdint.h>

// Memory and positioned file I/O for the page cache.

// Address space without memory behind it yet: readable and writable. NULL if the kernel refuses.
void *linux_memory_reserve(size_t bytes);
// Gives memory back; the range reads as zeros afterwards. 0 or -errno.
int linux_memory_discard(void *start, size_t bytes);
// Ends a reservation. 0 or -errno.
int linux_memory_release(void *start, size_t bytes);

// Reads until `count` bytes or the end of the file. Bytes read, or -errno.
int64_t linux_pread_all(int descriptor, void *bytes, size_t count, int64_t offset);
// Writes all bytes. 0 or -errno; a full disk is -ENOSPC also when a part was written.
int linux_pwrite_all(int descriptor, const void *bytes, size_t count, int64_t offset);
// Makes a hole that reads as zeros and keeps the file's length. 0 or -errno.
int linux_punch_hole(int descriptor, int64_t offset, int64_t count);
// Takes an exclusive flock without waiting. 0, or -errno (-EWOULDBLOCK if another process holds it).
int linux_lock_exclusive(int descriptor);
// openat with O_CLOEXEC. A descriptor or -errno.
int linux_open_at(int directory, const char *path, int flags, unsigned mode);
// Makes a directory and those above it that are missing, mode 0700. 0, also if something of that name is
// there, or -errno.
int linux_make_directories(const char *path);

// Milliseconds of the monotonic clock, cheap and a few milliseconds coarse; wraps after 49 days.
uint32_t linux_coarse_milliseconds(void);

#endif
