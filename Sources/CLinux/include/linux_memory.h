// Linux calls that Swift's Glibc module lacks. Each returns a value >= 0, or -errno.
#ifndef ALLUXIO_LINUX_MEMORY_H
#define ALLUXIO_LINUX_MEMORY_H
#endif
