#define _GNU_SOURCE
#include "linux_openat2.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

const int alluxio_o_path = O_PATH;

int alluxio_open_beneath(int directory, const char *path, uint64_t flags) {
    struct open_how how = {
        .flags = flags | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long descriptor = syscall(SYS_openat2, directory, path, &how, sizeof how);
    return descriptor < 0 ? -errno : (int)descriptor;
}

int64_t alluxio_read_link(int link, char *buffer, uint64_t capacity) {
    ssize_t length = readlinkat(link, "", buffer, capacity);
    return length < 0 ? -(int64_t)errno : (int64_t)length;
}
