// Names below an open directory and what hangs on them, where Swift's Glibc module lacks the calls. No
// function follows a symbolic link at the end of a name. Each returns a value >= 0, or -errno.
#ifndef ALLUXIO_LINUX_NAMES_H
#define ALLUXIO_LINUX_NAMES_H

#include <stddef.h>
#include <stdint.h>

// renameat2(2): `how` is 0 to replace, 1 not to replace, 2 to exchange. -EINVAL where the file system lacks
// it.
int alluxio_rename_at(int from, const char *old_name, int to, const char *new_name, unsigned how);

// A file without a name in a directory, open for reading and writing, mode 0600. -EOPNOTSUPP or -EISDIR where
// there is no such thing.
int alluxio_unnamed_file(int directory);
// Gives it a name. -EEXIST if there is something under it.
int alluxio_name_file(int descriptor, int directory, const char *name);

// Opens the file of a descriptor once more, however its name has changed since.
int alluxio_reopen(int descriptor, int flags);

// Sets times of a name in nanoseconds since 1970; NULL leaves one as it is.
int alluxio_set_times_at(int directory, const char *name, const int64_t *accessed, const int64_t *modified);
// The same for an open file.
int alluxio_set_times(int descriptor, const int64_t *accessed, const int64_t *modified);
// Sets both times of an open file to now; whoever may write may do so.
int alluxio_touch(int descriptor);

// Writes everything of the descriptor's file system to its disk.
int alluxio_sync_file_system(int descriptor);

// Extended attributes of what a descriptor stands for, also one opened with O_PATH. `flags` is 0, 1 (must be
// new) or 2 (must be there). With size 0 the first two return the size they need.
int64_t alluxio_xattr_names(int descriptor, char *names, size_t size);
int64_t alluxio_xattr_get(int descriptor, const char *name, void *value, size_t size);
int alluxio_xattr_set(int descriptor, const char *name, const void *value, size_t size, int flags);
int alluxio_xattr_remove(int descriptor, const char *name);

#endif
