// The hook between libfuse and /dev/fuse: negotiates what libfuse 3.14 does not know, counts what was
// spliced, and keeps a reply that came out short from being shown as zeros.
#define _GNU_SOURCE
#include "fuse_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/fuse.h>

#define INIT_EXT (UINT64_C(1) << 30)
#define DIRECT_IO_ALLOW_MMAP (UINT64_C(1) << 36)
// The opcode of FUSE_TMPFILE, which the headers of older kernels lack.
#define TMPFILE 51

// What afuse_reply_pieces promised on this thread, header not included; 0: nothing.
static __thread size_t expected_bytes;
static __thread unsigned outcome;

void afuse_expect_reply(size_t bytes);
unsigned afuse_take_outcome(void);

void afuse_expect_reply(size_t bytes) {
    expected_bytes = bytes;
    outcome = 0;
}

unsigned afuse_take_outcome(void) {
    expected_bytes = 0;
    return outcome;
}

// Nobody waits for the reply any more, be it that the request was interrupted (ENOENT) or that the connection
// is gone; libfuse prints every errno but the first one.
static ssize_t quiet(ssize_t result) {
    if (result < 0 && (errno == ENODEV || errno == ECONNABORTED || errno == EBADF)) errno = ENOENT;
    return result;
}

static void note_init_request(struct afuse_channel *channel, const void *message, ssize_t count) {
    struct fuse_in_header header;
    struct fuse_init_in init = {0};
    if (count < (ssize_t)sizeof header) return;
    memcpy(&header, message, sizeof header);
    if (header.opcode != FUSE_INIT) return;
    size_t body = (size_t)count - sizeof header;
    memcpy(&init, (const char *)message + sizeof header, body < sizeof init ? body : sizeof init);
    channel->init_unique = header.unique;
    channel->offered_flags = init.flags;
    if (init.flags & INIT_EXT) channel->offered_flags |= (uint64_t)init.flags2 << 32;
}

// Here libfuse's threads may be cancelled, which happens to all when one finds the end of the session. What
// libfuse does not expect it prints with perror, and a thread cancelled in perror dies with the lock of
// stderr: whoever prints there next, or exits, waits for ever.
static ssize_t receive_failed(void) {
    // The connection was aborted while a request was being read: the end of the session as any other.
    if (errno == ECONNABORTED) errno = ENODEV;
    // libfuse allows cancelling again before it receives the next request. After ENOENT it reads at once.
    if (errno != ENOENT) pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    return -1;
}

// libfuse 3.14 does not know FUSE_TMPFILE, and the kernel would never send it again. Request and reply are
// those of FUSE_CREATE, but for the name, which is "/" and so can be told from every other one.
static void rename_tmpfile_request(void *message, ssize_t count) {
    struct fuse_in_header *header = message;
    if (count >= (ssize_t)sizeof *header && header->opcode == TMPFILE) header->opcode = FUSE_CREATE;
}

static ssize_t channel_read(int fd, void *buffer, size_t count, void *userdata) {
    struct afuse_channel *channel = userdata;
    ssize_t result = read(fd, buffer, count);
    if (result < 0) return receive_failed();
    if (channel->max_pages == 0 && result > 0) note_init_request(channel, buffer, result);
    rename_tmpfile_request(buffer, result);
    return result;
}

// Sends the reply to INIT, with what libfuse does not know switched on.
static ssize_t write_init_reply(struct afuse_channel *channel, int fd, const struct iovec *parts) {
    struct fuse_init_out out = {0};
    size_t count = parts[1].iov_len;
    memcpy(&out, parts[1].iov_base, count < sizeof out ? count : sizeof out);
    if (channel->wants_direct_mmap && (channel->offered_flags & DIRECT_IO_ALLOW_MMAP) &&
        (channel->offered_flags & INIT_EXT) && count == sizeof out) {
        out.flags |= (uint32_t)INIT_EXT;
        out.flags2 |= (uint32_t)(DIRECT_IO_ALLOW_MMAP >> 32);
    }
    channel->accepted_flags = out.flags | (uint64_t)out.flags2 << 32;
    channel->max_pages = out.max_pages ? out.max_pages : 32;
    channel->init_unique = 0;
    struct iovec patched[2] = {parts[0], {.iov_base = &out, .iov_len = count}};
    return writev(fd, patched, 2);
}

static ssize_t write_short_reply(int fd, uint64_t unique) {
    struct fuse_out_header header = {.len = sizeof header, .error = -EIO, .unique = unique};
    outcome |= AFUSE_REPLY_SHORT;
    return write(fd, &header, sizeof header);
}

static ssize_t channel_writev(int fd, struct iovec *parts, int count, void *userdata) {
    struct afuse_channel *channel = userdata;
    const struct fuse_out_header *header = parts[0].iov_base;
    if (channel->init_unique && header->unique == channel->init_unique && header->error == 0 && count == 2) {
        return write_init_reply(channel, fd, parts);
    }
    if (expected_bytes && header->error == 0 && header->len != sizeof *header + expected_bytes) {
        ssize_t result = quiet(write_short_reply(fd, header->unique));
        return result < 0 ? result : (ssize_t)header->len;
    }
    return quiet(writev(fd, parts, count));
}

// Empties the pipe that holds a reply, and says whose reply it was.
static bool drain(int pipe, size_t count, uint64_t *unique) {
    char scratch[65536];
    size_t done = 0;
    while (done < count) {
        size_t want = count - done < sizeof scratch ? count - done : sizeof scratch;
        ssize_t got = read(pipe, scratch, want);
        if (got <= 0) return false;
        if (done == 0) {
            struct fuse_out_header header;
            if ((size_t)got < sizeof header) return false;
            memcpy(&header, scratch, sizeof header);
            *unique = header.unique;
        }
        done += (size_t)got;
    }
    return true;
}

static ssize_t channel_splice_send(int in, off_t *in_offset, int out, off_t *out_offset, size_t count,
                                   unsigned flags, void *userdata) {
    struct afuse_channel *channel = userdata;
    if (expected_bytes && count != sizeof(struct fuse_out_header) + expected_bytes) {
        uint64_t unique = 0;
        if (!drain(in, count, &unique)) {
            errno = EIO;
            return -1;
        }
        ssize_t result = quiet(write_short_reply(out, unique));
        return result < 0 && errno != ENOENT ? result : (ssize_t)count;
    }
    ssize_t result = quiet(splice(in, in_offset, out, out_offset, count, flags));
    if (result > 0) {
        outcome |= AFUSE_REPLY_SPLICED;
        atomic_fetch_add_explicit(&channel->spliced_replies, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&channel->spliced_bytes, (uint64_t)result, memory_order_relaxed);
    }
    return result;
}

struct afuse_channel *afuse_channel_create(void *context, bool wants_direct_mmap) {
    struct afuse_channel *channel = calloc(1, sizeof *channel);
    if (!channel) return NULL;
    channel->context = context;
    channel->wants_direct_mmap = wants_direct_mmap;
    return channel;
}

void afuse_channel_free(struct afuse_channel *channel) { free(channel); }

int afuse_channel_attach(struct afuse_channel *channel, struct fuse_session *session) {
    (void)channel;
    // No splice_receive: libfuse would copy each request out of a pipe.
    struct fuse_custom_io io = {
        .writev = channel_writev,
        .read = channel_read,
        .splice_send = channel_splice_send,
    };
    return fuse_session_custom_io(session, &io, fuse_session_fd(session));
}

uint64_t afuse_channel_spliced_replies(const struct afuse_channel *channel) {
    return atomic_load_explicit(&channel->spliced_replies, memory_order_relaxed);
}

uint64_t afuse_channel_spliced_bytes(const struct afuse_channel *channel) {
    return atomic_load_explicit(&channel->spliced_bytes, memory_order_relaxed);
}
