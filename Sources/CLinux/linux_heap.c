#include "linux_heap.h"

#include <malloc.h>

int alluxio_heap_trim(void) {
    return malloc_trim(0);
}
