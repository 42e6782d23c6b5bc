// The C library's heap, where Swift's Glibc module lacks it.
#ifndef ALLUXIO_LINUX_HEAP_H
#define ALLUXIO_LINUX_HEAP_H

// Sets how much free memory each thread's part of the heap may keep at its end. By default that grows with
// what was allocated, to megabytes a thread, and alluxio_heap_trim does not reach it. Returns 1, or 0 if
// refused.
int alluxio_heap_bound_free_ends(int bytes);

// Gives free heap pages back to the system. Returns 1 if any went back, 0 if none.
int alluxio_heap_trim(void);

#endif
