// Linux calls that the mount's tests need and Swift's Glibc module lacks; each as the call it is named after.
#ifndef ALLUXIO_MOUNT_TEST_SUPPORT_H
#define ALLUXIO_MOUNT_TEST_SUPPORT_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
int test_pipe_cloexec(int ends[2]);
int test_open_direct(const char *path);
ssize_t test_getxattr(const char *path, const char *name, void *value, size_t size);
ssize_t test_listxattr(const char *path, char *names, size_t size);
int test_setxattr(const char *path, const char *name, const void *value, size_t size);
int test_setxattr_flags(const char *path, const char *name, const void *value, size_t size, int flags);
int test_renameat2(const char *path, const char *target, unsigned flags);
int test_fallocate(int fd, int mode, off_t offset, off_t count);
ssize_t test_copy_file_range(int in, off_t in_offset, int out, off_t out_offset, size_t count);
// Opens a file without a name in a directory, for reading and writing, and gives an open file a name.
int test_open_unnamed(const char *directory, mode_t mode);
int test_name_file(int fd, const char *path);
int test_removexattr(const char *path, const char *name);
// How many pages of an open file are in the kernel's page cache.
size_t test_resident_pages(int fd, size_t bytes);
// Sends an open descriptor of /dev/fuse to be mounted on `path`, as a parent process would. 0 or -errno.
int test_mount_descriptor(int fd, const char *path);
// Makes a pipe's buffer small and full, so that the next write waits for a reader. 0 or -errno.
int test_fill_pipe(int fd);
// Prints nothing on stderr, after which perror writes to that stream itself.
void test_use_stderr(void);
// Whether no other thread holds the lock of stderr.
bool test_stderr_is_free(void);
#endif
