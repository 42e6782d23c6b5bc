#define _GNU_SOURCE
#include "mount_test_support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/xattr.h>
#include <unistd.h>

int test_pipe_cloexec(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int test_open_direct(const char *path) { return open(path, O_RDONLY | O_DIRECT | O_CLOEXEC); }

ssize_t test_getxattr(const char *path, const char *name, void *value, size_t size) {
    return getxattr(path, name, value, size);
}

ssize_t test_listxattr(const char *path, char *names, size_t size) { return listxattr(path, names, size); }

int test_setxattr(const char *path, const char *name, const void *value, size_t size) {
    return setxattr(path, name, value, size, 0);
}

int test_setxattr_flags(const char *path, const char *name, const void *value, size_t size, int flags) {
    return setxattr(path, name, value, size, flags);
}

int test_renameat2(const char *path, const char *target, unsigned flags) {
    return renameat2(AT_FDCWD, path, AT_FDCWD, target, flags);
}

int test_fallocate(int fd, int mode, off_t offset, off_t count) {
    return fallocate(fd, mode, offset, count);
}

ssize_t test_copy_file_range(int in, off_t in_offset, int out, off_t out_offset, size_t count) {
    return copy_file_range(in, &in_offset, out, &out_offset, count, 0);
}

int test_open_unnamed(const char *directory, mode_t mode) {
    return open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
}

int test_name_file(int fd, const char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}

int test_removexattr(const char *path, const char *name) { return removexattr(path, name); }

size_t test_resident_pages(int fd, size_t bytes) {
    size_t pages = (bytes + 4095) / 4096, resident = 0;
    unsigned char *present = malloc(pages);
    void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (present && map != MAP_FAILED && mincore(map, bytes, present) == 0) {
        for (size_t i = 0; i < pages; i++) resident += present[i] & 1;
    }
    if (map != MAP_FAILED) munmap(map, bytes);
    free(present);
    return resident;
}

int test_mount_descriptor(int fd, const char *path) {
    char options[128];
    unsigned long flags = MS_NOSUID | MS_NODEV | MS_RDONLY;
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%u,group_id=%u,max_read=524288", fd,
             getuid(), getgid());
    return mount("test", path, "fuse.alluxio-fuse", flags, options) == 0 ? 0 : -errno;
}

int test_fill_pipe(int fd) {
    static const char bytes[4096];
    int room = fcntl(fd, F_SETPIPE_SZ, (int)sizeof bytes);
    if (room < 0) return -errno;
    for (int done = 0; done < room; done += (int)sizeof bytes) {
        if (write(fd, bytes, sizeof bytes) != (ssize_t)sizeof bytes) return -EIO;
    }
    return 0;
}

void test_use_stderr(void) { fputs("", stderr); }

bool test_stderr_is_free(void) {
    if (ftrylockfile(stderr) != 0) return false;
    funlockfile(stderr);
    return true;
}
