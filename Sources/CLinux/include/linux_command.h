// Process and attribute calls that Swift's Glibc module lacks. Each returns a value >= 0, or -errno.
#ifndef ALLUXIO_LINUX_COMMAND_H
#define ALLUXIO_LINUX_COMMAND_H
#include <stddef.h>

// Reads an extended attribute of a path, following links. With size 0, returns the size it needs.
long alluxio_getxattr(const char *path, const char *name, void *value, size_t size);

// Names the calling thread; at most 15 bytes count.
int alluxio_name_thread(const char *name);

// Closes every descriptor from `first` on.
int alluxio_close_from(int first);

#endif
