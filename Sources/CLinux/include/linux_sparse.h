// Copying between sparse files. Each function returns a value >= 0, or -errno.
#ifndef ALLUXIO_LINUX_SPARSE_H
#define ALLUXIO_LINUX_SPARSE_H

#include <stdint.h>

// Where data begins at or after an offset. -ENXIO if there is none up to the end of the file. A file system
// without holes has data everywhere. Moves the descriptor's file offset.
int64_t alluxio_next_data(int descriptor, int64_t offset);
// Where a hole begins at or after an offset before the end of the file; its end counts as one.
int64_t alluxio_next_hole(int descriptor, int64_t offset);

// Copies a range to the same place of another file; inside of the kernel where that can be. -EIO if the
// source ends early. Moves no file offset.
int alluxio_copy_range(int from, int to, int64_t offset, int64_t count);
// Makes a range read as zeros and keeps the file's length: a hole if there can be one, else written.
int alluxio_clear_range(int descriptor, int64_t offset, int64_t count);
// Sets room aside so that writing a range does not fail for want of it; keeps the file's length. 0 also where
// the file system cannot do so.
int alluxio_reserve_range(int descriptor, int64_t offset, int64_t count);

#endif
