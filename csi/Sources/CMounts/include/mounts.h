#pragma once
#include <stdint.h>
#include <sys/types.h>

// Mount calls that the C library of Debian 12 has no names for. All return a descriptor or 0, or -errno.

// Opens a directory for use as a place (O_PATH); -ELOOP if any component of the path is a symbolic link. The
// file system that is mounted there is not asked.
int csi_open_place(const char *path);
// The same, of a path below an open directory: never outside of it, nor on another mount (-EXDEV).
int csi_open_inside(int directory, const char *path);
// A copy of the mount that a place lies on, with the place as its root, attached nowhere: no peer of the
// original, so that what is later mounted on it reaches nobody else. (Linux 5.12)
int csi_clone_mount(int place, int is_read_only);
// Attaches it, on top of what is mounted at the place already.
int csi_attach_mount(int tree, int place);
// Detaches the topmost mount at a name in a directory; the file system is not asked. -EINVAL: nothing is
// mounted there.
int csi_detach_mount(int directory, const char *name);
// Mounts an empty tmpfs that only root may enter.
int csi_mount_memory(const char *path);
// A descriptor that becomes readable when a process ends.
int csi_watch_process(pid_t process);
// AT_EMPTY_PATH of fstatat(2), which the C library hides.
int csi_empty_path(void);
