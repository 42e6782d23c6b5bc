#define _GNU_SOURCE
#include "linux_command.h"
#include <errno.h>
#include <sys/prctl.h>
#include <sys/xattr.h>
#include <unistd.h>

long alluxio_getxattr(const char *path, const char *name, void *value, size_t size) {
    ssize_t count = getxattr(path, name, value, size);
    return count < 0 ? -(long)errno : (long)count;
}

int alluxio_name_thread(const char *name) {
    return prctl(PR_SET_NAME, name) < 0 ? -errno : 0;
}

int alluxio_close_from(int first) {
    closefrom(first);
    return 0;
}
