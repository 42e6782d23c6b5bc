/* Opens, stats and reads files while a timer sends SIGURG to this process every half millisecond; the
 * handler is installed without SA_RESTART, so that an interrupted call would show.
 * Prints signals, EINTRs and bytes. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t signals;
static void count_signal(int number) { (void)number; signals++; }

int main(int count, char **paths) {
    struct sigaction action = {.sa_handler = count_signal};
    sigaction(SIGURG, &action, 0);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGURG};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return 2;
    struct itimerspec every = {{0, 500000}, {0, 500000}};
    timer_settime(timer, 0, &every, 0);
    static char buffer[1 << 17];
    long interrupted = 0, bytes = 0;
    for (int index = 1; index < count; index++) {
        struct stat status;
        if (stat(paths[index], &status) != 0) {
            if (errno == EINTR) { interrupted++; continue; }
            perror(paths[index]);
            return 1;
        }
        int file = open(paths[index], O_RDONLY);
        if (file < 0) {
            if (errno == EINTR) { interrupted++; continue; }
            perror(paths[index]);
            return 1;
        }
        for (;;) {
            ssize_t got = read(file, buffer, sizeof buffer);
            if (got < 0 && errno == EINTR) { interrupted++; continue; }
            if (got < 0) { perror(paths[index]); return 1; }
            if (got == 0) break;
            bytes += got;
        }
        close(file);
    }
    printf("%d %ld %ld\n", (int)signals, interrupted, bytes);
    return 0;
}
