#include "linux_heap.h"

#include <malloc.h>

int alluxio_heap_bound_free_ends(int bytes) {
    return mallopt(M_TRIM_THRESHOLD, bytes);
}

int alluxio_heap_trim(void) {
    return malloc_trim(0);
}
