#define _GNU_SOURCE
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// <sys/mount.h> and <linux/mount.h> define the same names on Debian 12.
int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);
enum { detach = 2, no_follow = 8 };

static int result(long outcome) { return outcome < 0 ? -errno : (int)outcome; }

static int open_resolved(int directory, const char *path, uint64_t resolve) {
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = resolve};
    return result(syscall(SYS_openat2, directory, path, &how, sizeof how));
}

int csi_open_place(const char *path) { return open_resolved(AT_FDCWD, path, RESOLVE_NO_SYMLINKS); }

int csi_open_inside(int directory, const char *path) {
    return open_resolved(directory, path, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
}

int csi_clone_mount(int place, int is_read_only) {
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
    int tree = result(syscall(SYS_open_tree, place, "", flags));
    if (tree < 0) return tree;
    struct mount_attr attributes = {.propagation = 1 << 18 /* MS_PRIVATE */};
    if (is_read_only) attributes.attr_set = MOUNT_ATTR_RDONLY;
    int outcome = result(syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes));
    if (outcome == 0) return tree;
    close(tree);
    return outcome;
}

int csi_attach_mount(int tree, int place) {
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    return result(syscall(SYS_move_mount, tree, "", place, "", flags));
}

int csi_detach_mount(int directory, const char *name) {
    char path[300 + 64];
    int length = snprintf(path, sizeof path, "/proc/self/fd/%d/%s", directory, name);
    if (length < 0 || length >= (int)sizeof path) return -ENAMETOOLONG;
    return result(umount2(path, detach | no_follow));
}

int csi_mount_memory(const char *path) {
    unsigned long no_suid_dev_exec = 2 | 4 | 8;
    return result(mount("alluxio-csi", path, "tmpfs", no_suid_dev_exec, "mode=0700,size=64m"));
}

int csi_watch_process(pid_t process) { return result(syscall(SYS_pidfd_open, process, 0)); }


int csi_empty_path(void) { return AT_EMPTY_PATH; }
