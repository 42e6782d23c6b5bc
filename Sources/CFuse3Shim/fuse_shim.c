#define _GNU_SOURCE
#include "fuse_shim.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/fuse.h>

// Log lines longer than this are cut.
#define LOG_TEXT_MAX 512
// Replies with up to this many pieces need no allocation.
#define PIECES_ON_STACK 16
#define NAME_MAX_BYTES 255
// Wakes the thread that sleeps in the loop; nobody else uses it.
#define WAKE_SIGNAL (SIGRTMIN + 6)

static afuse_log_receiver log_receiver;

static void log_line(enum fuse_log_level level, const char *format, va_list arguments) {
    char text[LOG_TEXT_MAX];
    int count = vsnprintf(text, sizeof text, format, arguments);
    if (count < 0) return;
    size_t end = strlen(text);
    while (end > 0 && text[end - 1] == '\n') text[--end] = 0;
    if (!log_receiver) return;
    // libfuse also tells of requests that it could not receive, where its threads may be cancelled; the
    // receiver's locks must not go with them.
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    log_receiver((int)level, text);
    pthread_setcancelstate(before, NULL);
}

void afuse_set_log_receiver(afuse_log_receiver receiver) {
    log_receiver = receiver;
    fuse_set_log_func(log_line);
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int afuse_session_init(struct fuse_session *session, int timeout_ms) {
    int64_t deadline = now_ms() + timeout_ms;
    struct pollfd device = {.fd = fuse_session_fd(session), .events = POLLIN};
    for (;;) {
        int ready = poll(&device, 1, 20);
        if (ready < 0 && errno != EINTR) return -errno;
        if (ready > 0 && (device.revents & POLLIN)) break;
        if (now_ms() >= deadline) return -ETIMEDOUT;
        // A descriptor that is not mounted yet shows POLLERR at once.
        if (ready > 0) usleep(10000);
    }
    struct fuse_buf buffer = {0};
    int received = fuse_session_receive_buf(session, &buffer);
    if (received > 0) fuse_session_process_buf(session, &buffer);
    free(buffer.mem);
    if (received < 0) return received;
    if (received == 0 || fuse_session_exited(session)) return -ECONNABORTED;
    return 0;
}

static void ignore_wake(int signal) { (void)signal; }

int afuse_session_loop(struct fuse_session *session, unsigned max_threads, int max_idle) {
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    if (!config) return -ENOMEM;
    fuse_loop_cfg_set_clone_fd(config, 0);
    fuse_loop_cfg_set_max_threads(config, max_threads);
    if (max_idle >= 0) fuse_loop_cfg_set_idle_threads(config, (unsigned)max_idle);
    // libfuse's main thread sleeps in sem_wait, which only a signal with a handler and without SA_RESTART
    // ends.
    struct sigaction action = {.sa_handler = ignore_wake};
    sigset_t wake, before;
    sigemptyset(&wake);
    sigaddset(&wake, WAKE_SIGNAL);
    sigaction(WAKE_SIGNAL, &action, NULL);
    pthread_sigmask(SIG_UNBLOCK, &wake, &before);
    int result = fuse_session_loop_mt(session, config);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    fuse_loop_cfg_destroy(config);
    return result;
}

int afuse_wake_loop(pthread_t thread) { return -pthread_kill(thread, WAKE_SIGNAL); }

static void fill_buffer(struct fuse_buf *buffer, const struct afuse_piece *piece) {
    buffer->size = piece->count;
    if (piece->memory) {
        buffer->mem = (void *)piece->memory;
        return;
    }
    buffer->flags = (enum fuse_buf_flags)(FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK);
    buffer->fd = piece->descriptor;
    buffer->pos = piece->offset;
}

static int reply_memory(fuse_req_t request, const struct afuse_piece *pieces, size_t count) {
    struct iovec on_stack[PIECES_ON_STACK];
    struct iovec *parts = on_stack;
    if (count > PIECES_ON_STACK && !(parts = calloc(count, sizeof *parts))) {
        return fuse_reply_err(request, EIO);
    }
    for (size_t i = 0; i < count; i++) {
        parts[i] = (struct iovec){.iov_base = (void *)pieces[i].memory, .iov_len = pieces[i].count};
    }
    int result = fuse_reply_iov(request, parts, (int)count);
    if (parts != on_stack) free(parts);
    return result;
}

void afuse_expect_reply(size_t bytes);
unsigned afuse_take_outcome(void);

static int reply_files(fuse_req_t request, const struct afuse_piece *pieces, size_t count,
                       unsigned *outcome) {
    size_t size = sizeof(struct fuse_bufvec) + (count - 1) * sizeof(struct fuse_buf);
    char on_stack[sizeof(struct fuse_bufvec) + (PIECES_ON_STACK - 1) * sizeof(struct fuse_buf)]
        __attribute__((aligned(16)));
    struct fuse_bufvec *vector = (struct fuse_bufvec *)(void *)on_stack;
    if (count > PIECES_ON_STACK && !(vector = malloc(size))) return fuse_reply_err(request, EIO);
    memset(vector, 0, size);
    vector->count = count;
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        fill_buffer(&vector->buf[i], &pieces[i]);
        total += pieces[i].count;
    }
    afuse_expect_reply(total);
    int result = fuse_reply_data(request, vector, FUSE_BUF_SPLICE_MOVE);
    *outcome = afuse_take_outcome();
    if ((void *)vector != (void *)on_stack) free(vector);
    return result;
}

int afuse_reply_pieces(fuse_req_t request, const struct afuse_piece *pieces, size_t count,
                       unsigned *outcome) {
    *outcome = 0;
    if (count == 0) return fuse_reply_buf(request, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        if (!pieces[i].memory) return reply_files(request, pieces, count, outcome);
    }
    return reply_memory(request, pieces, count);
}

size_t afuse_add_entry(char *buffer, size_t room, const struct afuse_entry *entry, bool plus) {
    char name[NAME_MAX_BYTES + 1];
    if (entry->name_count > NAME_MAX_BYTES) return room + 1;
    memcpy(name, entry->name, entry->name_count);
    name[entry->name_count] = 0;
    if (!plus) return fuse_add_direntry(NULL, buffer, room, name, &entry->param.attr, (off_t)entry->next);
    return fuse_add_direntry_plus(NULL, buffer, room, name, &entry->param, (off_t)entry->next);
}

uint64_t afuse_next_plus_node(const char *buffer, size_t count, size_t *offset) {
    struct fuse_direntplus entry;
    if (count - *offset < FUSE_NAME_OFFSET_DIRENTPLUS) {
        *offset = count;
        return 0;
    }
    memcpy(&entry, buffer + *offset, FUSE_NAME_OFFSET_DIRENTPLUS);
    *offset += FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET_DIRENTPLUS + entry.dirent.namelen);
    return entry.entry_out.nodeid;
}
