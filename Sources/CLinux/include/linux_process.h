// Starting a command with nothing of this process but two pipes. Each function returns >= 0, or -errno.
#ifndef ALLUXIO_LINUX_PROCESS_H
#define ALLUXIO_LINUX_PROCESS_H

// Makes a pipe; both ends are closed on exec, the reading end (ends[0]) does not block.
int alluxio_pipe(int ends[2]);

// Runs `/bin/sh -c command` in a process group of its own, with default signals, standard input from
// /dev/null, and no descriptors but the two given, which become 1 and 2. Returns its process id.
int alluxio_spawn_shell(const char *command, char *const environment[], int output, int complaints);

#endif
