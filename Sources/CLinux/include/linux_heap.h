// The C library's heap, where Swift's Glibc module lacks it.
#ifndef ALLUXIO_LINUX_HEAP_H
#define ALLUXIO_LINUX_HEAP_H

// Gives free heap pages back to the system. Returns 1 if any went back, 0 if none.
int alluxio_heap_trim(void);

#endif
