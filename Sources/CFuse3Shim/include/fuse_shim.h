// What Swift cannot call of libfuse: macros, trailing arrays, wire structures, versioned functions, and the
// message hook through which every request and reply passes.
#ifndef ALLUXIO_FUSE_SHIM_H
#define ALLUXIO_FUSE_SHIM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

// The user data of a session: what the hook and the callbacks need. Made by afuse_channel_create.
struct afuse_channel {
    void *context;            // what the callbacks find their object with
    bool wants_direct_mmap;   // ask for FUSE_DIRECT_IO_ALLOW_MMAP at INIT
    uint64_t init_unique;     // the INIT request that has not been answered yet, else 0
    uint64_t offered_flags;   // what the kernel offered at INIT, flags2 in the upper half
    uint64_t accepted_flags;  // what the reply to INIT took of it
    uint32_t max_pages;       // of the reply to INIT
    _Atomic uint64_t spliced_replies;
    _Atomic uint64_t spliced_bytes;
};

// Bytes of a reply: memory if `memory` is not NULL, else `count` bytes at `offset` of `descriptor`.
struct afuse_piece {
    const void *memory;
    int descriptor;
    int64_t offset;
    size_t count;
};

// What readdir and readdirplus say of an entry. With `has_node` 0 the kernel makes no inode of it.
struct afuse_entry {
    const void *name;
    size_t name_count;  // at most 255
    uint64_t next;      // the cookie of the entry after it
    int has_node;
    struct fuse_entry_param param;  // of it only st_ino and the type bits of st_mode where has_node is 0
};

// Gives a message of libfuse, without its line end, to the receiver. One receiver for the process.
typedef void (*afuse_log_receiver)(int level, const char *text);
void afuse_set_log_receiver(afuse_log_receiver receiver);

// NULL if there is no memory. Freed with afuse_channel_free, after the session.
struct afuse_channel *afuse_channel_create(void *context, bool wants_direct_mmap);
void afuse_channel_free(struct afuse_channel *channel);
// Puts the hook between libfuse and the device of a mounted session. 0 or -errno.
int afuse_channel_attach(struct afuse_channel *channel, struct fuse_session *session);
// How often and how much was spliced to the device.
uint64_t afuse_channel_spliced_replies(const struct afuse_channel *channel);
uint64_t afuse_channel_spliced_bytes(const struct afuse_channel *channel);
// The message that asked for `channel`.
static inline struct afuse_channel *afuse_request_channel(fuse_req_t request) {
    return (struct afuse_channel *)fuse_req_userdata(request);
}

// Receives and processes the first request, INIT. Waits at most `timeout_ms`; -ETIMEDOUT, -errno or 0.
int afuse_session_init(struct fuse_session *session, int timeout_ms);
// Serves requests on up to `max_threads` threads until the session is exited or unmounted. max_idle -1:
// threads stay. Returns 0, a signal number, or -errno.
int afuse_session_loop(struct fuse_session *session, unsigned max_threads, int max_idle);
// Wakes a thread that waits in afuse_session_loop, so that it notices that the session is exited. The thread
// must still exist. 0 or -errno.
int afuse_wake_loop(pthread_t thread);

// What became of a reply.
enum { AFUSE_REPLY_SPLICED = 1, AFUSE_REPLY_SHORT = 2 };
// Replies with the pieces in order. If they are in files they are spliced where libfuse can, and `outcome`
// gets AFUSE_REPLY_SPLICED. A file that is shorter than promised makes the reply EIO, since the kernel would
// show zeros in place of what is missing; then `outcome` gets AFUSE_REPLY_SHORT. 0 or -errno; the request is
// gone in any case.
int afuse_reply_pieces(fuse_req_t request, const struct afuse_piece *pieces, size_t count, unsigned *outcome);

// Appends an entry; returns its length, which is more than `room` if it did not fit and nothing was written.
size_t afuse_add_entry(char *buffer, size_t room, const struct afuse_entry *entry, bool plus);
// The node of the readdirplus entry at *offset, 0 for an entry without one, and moves *offset to the next
// one.
uint64_t afuse_next_plus_node(const char *buffer, size_t count, size_t *offset);

// Tells what a path leads to, in a process of its own, so that a hung mount holds up nobody.
// `resolved` gets the path without symbolic links, empty if unknown. Returns what stat said: 0 or -errno, or
// -ETIMEDOUT if it did not answer in time.
int afuse_probe_path(const char *path, char *resolved, size_t resolved_size, int timeout_ms);

// The text of an errno; thread-safe, unlike strerror.
void afuse_describe_error(int error, char *text, size_t size);

#endif
