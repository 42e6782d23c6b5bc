#define _GNU_SOURCE
#include "linux_sparse.h"

#include "linux_memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { piece_bytes = 256 << 10 };

int64_t alluxio_next_data(int descriptor, int64_t offset) {
    off_t found = lseek(descriptor, offset, SEEK_DATA);
    if (found >= 0) return found;
    return errno == EINVAL || errno == EOPNOTSUPP ? offset : -(int64_t)errno;
}

int64_t alluxio_next_hole(int descriptor, int64_t offset) {
    off_t found = lseek(descriptor, offset, SEEK_HOLE);
    if (found >= 0) return found;
    if (errno != EINVAL && errno != EOPNOTSUPP) return -(int64_t)errno;
    off_t end = lseek(descriptor, 0, SEEK_END);
    return end < 0 ? -(int64_t)errno : end;
}

// Through memory of this process.
static int copy_pieces(int from, int to, int64_t offset, int64_t count) {
    char *piece = malloc(piece_bytes);
    if (piece == NULL) return -ENOMEM;
    int result = 0;
    while (count > 0 && result == 0) {
        size_t wanted = count < piece_bytes ? (size_t)count : (size_t)piece_bytes;
        int64_t got = linux_pread_all(from, piece, wanted, offset);
        if (got <= 0) {
            result = got < 0 ? (int)got : -EIO;
        } else {
            result = linux_pwrite_all(to, piece, (size_t)got, offset);
            offset += got;
            count -= got;
        }
    }
    free(piece);
    return result;
}

int alluxio_copy_range(int from, int to, int64_t offset, int64_t count) {
    while (count > 0) {
        off_t source = offset, target = offset;
        ssize_t copied = copy_file_range(from, &source, to, &target, (size_t)count, 0);
        if (copied < 0 && errno == EINTR) continue;
        if (copied < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EFBIG)) {
            return -errno;
        }
        // Not between these two, or nothing at all from some kernels' special files.
        if (copied <= 0) return copy_pieces(from, to, offset, count);
        offset += copied;
        count -= copied;
    }
    return 0;
}

int alluxio_clear_range(int descriptor, int64_t offset, int64_t count) {
    int result = linux_punch_hole(descriptor, offset, count);
    if (result != -EOPNOTSUPP && result != -ENOSYS) return result;
    char *zeros = calloc(1, piece_bytes);
    if (zeros == NULL) return -ENOMEM;
    result = 0;
    while (count > 0 && result == 0) {
        size_t part = count < piece_bytes ? (size_t)count : (size_t)piece_bytes;
        result = linux_pwrite_all(descriptor, zeros, part, offset);
        offset += (int64_t)part;
        count -= (int64_t)part;
    }
    free(zeros);
    return result;
}

int alluxio_reserve_range(int descriptor, int64_t offset, int64_t count) {
    while (fallocate(descriptor, FALLOC_FL_KEEP_SIZE, offset, count) != 0) {
        if (errno == EINTR) continue;
        return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -errno;
    }
    return 0;
}
