#define _GNU_SOURCE
#include "linux_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

// Calls that take no O_PATH descriptor take its name below /proc, which leads to the very file.
struct descriptor_path {
    char text[32];
};

static struct descriptor_path path_of(int descriptor) {
    struct descriptor_path path;
    snprintf(path.text, sizeof path.text, "/proc/self/fd/%d", descriptor);
    return path;
}

static int outcome(int result) {
    return result < 0 ? -errno : result;
}

int alluxio_rename_at(int from, const char *old_name, int to, const char *new_name, unsigned how) {
    return outcome((int)syscall(SYS_renameat2, from, old_name, to, new_name, how));
}

int alluxio_unnamed_file(int directory) {
    return outcome(openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
}

int alluxio_name_file(int descriptor, int directory, const char *name) {
    return outcome(linkat(AT_FDCWD, path_of(descriptor).text, directory, name, AT_SYMLINK_FOLLOW));
}

int alluxio_reopen(int descriptor, int flags) {
    return outcome(open(path_of(descriptor).text, flags | O_CLOEXEC));
}

static struct timespec time_of(const int64_t *nanoseconds) {
    struct timespec time = {.tv_sec = 0, .tv_nsec = UTIME_OMIT};
    if (nanoseconds == NULL) return time;
    time.tv_sec = *nanoseconds / 1000000000;
    time.tv_nsec = *nanoseconds % 1000000000;
    if (time.tv_nsec < 0) {
        time.tv_sec -= 1;
        time.tv_nsec += 1000000000;
    }
    return time;
}

int alluxio_set_times_at(int directory, const char *name, const int64_t *accessed, const int64_t *modified) {
    struct timespec times[2] = {time_of(accessed), time_of(modified)};
    return outcome(utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW));
}

int alluxio_set_times(int descriptor, const int64_t *accessed, const int64_t *modified) {
    struct timespec times[2] = {time_of(accessed), time_of(modified)};
    return outcome(futimens(descriptor, times));
}

int alluxio_touch(int descriptor) {
    return outcome(futimens(descriptor, NULL));
}

int alluxio_sync_file_system(int descriptor) {
    return outcome(syncfs(descriptor));
}

int64_t alluxio_xattr_names(int descriptor, char *names, size_t size) {
    ssize_t count = listxattr(path_of(descriptor).text, names, size);
    return count < 0 ? -(int64_t)errno : (int64_t)count;
}

int64_t alluxio_xattr_get(int descriptor, const char *name, void *value, size_t size) {
    ssize_t count = getxattr(path_of(descriptor).text, name, value, size);
    return count < 0 ? -(int64_t)errno : (int64_t)count;
}

int alluxio_xattr_set(int descriptor, const char *name, const void *value, size_t size, int flags) {
    return outcome(setxattr(path_of(descriptor).text, name, value, size, flags));
}

int alluxio_xattr_remove(int descriptor, const char *name) {
    return outcome(removexattr(path_of(descriptor).text, name));
}
