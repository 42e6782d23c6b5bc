// Looking at a mount point that may hang.
#define _GNU_SOURCE
#include "fuse_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// What the looking process sends: who it is, then also where the path leads, then also the outcome of stat.
struct finding {
    int error;
    int done;
    pid_t process;
    char path[4096];
};

// Runs in a child of a child: only async-signal-safe calls, for other threads may hold locks.
static void look(const char *path, int out) {
    struct finding finding;
    char link[64];
    struct stat attributes;
    struct statfs totals;
    memset(&finding, 0, sizeof finding);
    finding.process = getpid();
    // Holding a copy of /dev/fuse would keep a mount alive whose daemon has died.
    if (dup2(out, 3) < 0) _exit(1);
    syscall(SYS_close_range, 4u, ~0u, 0u);
    if (write(3, &finding, sizeof finding) < 0) _exit(1);
    // O_PATH asks nobody: it also opens the root of a mount whose daemon is gone or hangs.
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        finding.error = errno;
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t count = readlink(link, finding.path, sizeof finding.path - 1);
        finding.path[count > 0 ? count : 0] = 0;
        if (write(3, &finding, sizeof finding) < 0) _exit(1);
        // The kernel may answer stat from what it remembers of a daemon that is gone, but never statfs.
        if (fstatat(fd, "", &attributes, AT_EMPTY_PATH) != 0 || fstatfs(fd, &totals) != 0) {
            finding.error = errno;
        }
    }
    finding.done = 1;
    if (write(3, &finding, sizeof finding) < 0) _exit(1);
    _exit(0);
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Reads one finding; messages of a pipe beyond PIPE_BUF may come in parts.
static int receive(int in, struct finding *finding, int64_t deadline) {
    size_t got = 0;
    while (got < sizeof *finding) {
        int64_t left = deadline - now_ms();
        struct pollfd ready = {.fd = in, .events = POLLIN};
        int count = left > 0 ? poll(&ready, 1, (int)left) : 0;
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return -ETIMEDOUT;
        ssize_t part = read(in, (char *)finding + got, sizeof *finding - got);
        if (part <= 0) return -EIO;
        got += (size_t)part;
    }
    return 0;
}

int afuse_probe_path(const char *path, char *resolved, size_t resolved_size, int timeout_ms) {
    int ends[2];
    int64_t deadline = now_ms() + timeout_ms;
    if (resolved_size > 0) resolved[0] = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
    pid_t child = fork();
    if (child == 0) {
        // The grandchild belongs to init: if it hangs for ever, it is no zombie of ours.
        if (fork() == 0) look(path, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return -EAGAIN;
    }
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    struct finding finding;
    pid_t looking = 0;
    int result;
    do {
        result = receive(ends[0], &finding, deadline);
        if (result == 0) {
            looking = finding.process;
            snprintf(resolved, resolved_size, "%s", finding.path);
        }
    } while (result == 0 && !finding.done);
    close(ends[0]);
    // It may go away by itself in this moment; its number cannot have been given away again so soon.
    if (result == -ETIMEDOUT && looking > 0) kill(looking, SIGKILL);
    return result == 0 ? -finding.error : result;
}

void afuse_describe_error(int error, char *text, size_t size) {
    char scratch[128];
    snprintf(text, size, "%s", strerror_r(error, scratch, sizeof scratch));
}
