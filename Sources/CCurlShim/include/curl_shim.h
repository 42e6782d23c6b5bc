// libcurl's variadic calls as plain functions, and the callbacks that must not cost more than C.
#ifndef ALLUXIO_CURL_SHIM_H
#define ALLUXIO_CURL_SHIM_H

#include <curl/curl.h>
#include <stdint.h>

/// What the progress callback of one handle watches: when a byte last moved, and whether the wait became too
/// long.
typedef struct alluxio_curl_watch {
    /// Longest time without a byte, in nanoseconds.
    int64_t stall_limit_ns;
    /// When a byte last moved, on the monotonic clock, in nanoseconds; 0 before the connection stands.
    int64_t moved_at_ns;
    /// Bytes moved so far, up and down.
    curl_off_t moved_bytes;
    /// Set when a limit was passed.
    int stalled;
    /// What another thread raises to end the transfer; NULL if nobody may.
    const int *cancelled;
    /// Longest time from the start of a request to the first byte of its response, connecting included, in
    /// nanoseconds; 0 for no limit. Kept by alluxio_curl_perform_precisely only.
    int64_t first_byte_limit_ns;
    /// When the request began, on the monotonic clock, in nanoseconds; 0 in curl_easy_perform.
    int64_t began_at_ns;
    /// Set when a byte of the response has come.
    int heard;
    /// How often the request was begun on a connection: libcurl begins it again by itself if a kept one
    /// breaks before a byte of the response.
    int begun;
} alluxio_curl_watch;

/// Takes one header line or one piece of the body; returns the bytes used, anything else stops the transfer.
typedef size_t (*alluxio_curl_receive)(char *bytes, size_t size, size_t count, void *context);

/// Initialises libcurl; the first call must come before a second thread exists or be serialised by the
/// caller.
CURLcode alluxio_curl_global_init(void);

CURLcode alluxio_curl_set_long(CURL *easy, CURLoption option, long value);
CURLcode alluxio_curl_set_offset(CURL *easy, CURLoption option, int64_t value);
CURLcode alluxio_curl_set_text(CURL *easy, CURLoption option, const char *value);
CURLcode alluxio_curl_set_pointer(CURL *easy, CURLoption option, const void *value);
/// Sets an option to a copy of some bytes.
CURLcode alluxio_curl_set_bytes(CURL *easy, CURLoption option, const void *bytes, size_t count);
CURLcode alluxio_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value);

/// Sets header and body callbacks, and the stall watch.
CURLcode alluxio_curl_set_receivers(CURL *easy, alluxio_curl_receive on_header, alluxio_curl_receive on_body,
                                    alluxio_curl_watch *watch);

/// Sets what header and body callbacks get, for the next request.
CURLcode alluxio_curl_set_receiver_context(CURL *easy, void *context);

/// Reads the next bytes of a body; returns how many, 0 at the end, CURL_READFUNC_ABORT to stop.
typedef size_t (*alluxio_curl_read)(char *bytes, size_t size, size_t count, void *context);

/// Moves the place that the next bytes are read from; returns CURL_SEEKFUNC_OK or CURL_SEEKFUNC_FAIL.
typedef int (*alluxio_curl_seek)(void *context, curl_off_t offset, int origin);

/// Lets a request read its body through callbacks, which get `context`; NULL for all takes them away.
CURLcode alluxio_curl_set_sender(CURL *easy, alluxio_curl_read read, alluxio_curl_seek seek, void *context);

/// Raises a flag that `alluxio_curl_watch.cancelled` points at; any thread may call it.
void alluxio_curl_raise(int *flag);

/// Whether a flag is raised.
int alluxio_curl_is_raised(const int *flag);
/// A place for one handle to be run in by `alluxio_curl_perform_precisely`, which keeps its connection; NULL
/// if out of memory.
CURLM *alluxio_curl_make_runner(void);

/// As curl_easy_perform, but the limits of `watch` are kept to the millisecond instead of the second, since
/// the wait for the socket ends when the next of them does.
CURLcode alluxio_curl_perform_precisely(CURLM *runner, CURL *easy, alluxio_curl_watch *watch);

long alluxio_curl_get_long(CURL *easy, CURLINFO info);

/// Loads certificate authorities once, to be shared by every handle that `alluxio_curl_share_trust` is called
/// on. Returns an opaque store, or NULL if the file cannot be read or holds no certificate. NULL loads the
/// system's bundle. Never freed: there is one for each transport.
void *alluxio_curl_load_trust(const char *file);

/// As alluxio_curl_load_trust, from PEM text in memory; NULL if it holds no certificate.
void *alluxio_curl_read_trust(const void *text, size_t count);

/// Lets a handle trust exactly the authorities of `store`.
CURLcode alluxio_curl_share_trust(CURL *easy, void *store);

/// Lets go of a store from `alluxio_curl_load_trust`.
void alluxio_curl_free_trust(void *store);

#endif
