// openat2(2), which glibc has no wrapper for. Returns a descriptor >= 0, or -errno.
#ifndef ALLUXIO_LINUX_OPENAT2_H
#define ALLUXIO_LINUX_OPENAT2_H

#include <stdint.h>

// Opens `path` below the directory `directory`: never outside of it, and through no symbolic link on the
// way. With O_PATH | O_NOFOLLOW in `flags` a link at the end is opened itself. -ENOSYS or -EPERM where the
// call is not offered.
int alluxio_open_beneath(int directory, const char *path, uint64_t flags);

// Flags that Swift does not see without _GNU_SOURCE.
extern const int alluxio_o_path;

// readlink(2) of a link opened with O_PATH | O_NOFOLLOW. Returns the length of the text, cut at `capacity`.
int64_t alluxio_read_link(int link, char *buffer, uint64_t capacity);

#endif
