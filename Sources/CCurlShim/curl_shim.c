#include "curl_shim.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <time.h>

CURLcode alluxio_curl_global_init(void) { return curl_global_init(CURL_GLOBAL_DEFAULT); }

CURLcode alluxio_curl_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}

CURLcode alluxio_curl_set_offset(CURL *easy, CURLoption option, int64_t value) {
    return curl_easy_setopt(easy, option, (curl_off_t)value);
}

CURLcode alluxio_curl_set_text(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}

CURLcode alluxio_curl_set_pointer(CURL *easy, CURLoption option, const void *value) {
    return curl_easy_setopt(easy, option, value);
}

CURLcode alluxio_curl_set_bytes(CURL *easy, CURLoption option, const void *bytes, size_t count) {
    struct curl_blob blob = {(void *)bytes, count, CURL_BLOB_COPY};
    return curl_easy_setopt(easy, option, &blob);
}

CURLcode alluxio_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(easy, option, value);
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void alluxio_curl_raise(int *flag) { __atomic_store_n(flag, 1, __ATOMIC_RELEASE); }

int alluxio_curl_is_raised(const int *flag) { return __atomic_load_n(flag, __ATOMIC_ACQUIRE); }

// libcurl calls this at every read and at least once a second.
static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up) {
    alluxio_curl_watch *watch = context;
    (void)down_total;
    (void)up_total;
    if (watch->cancelled != NULL && alluxio_curl_is_raised(watch->cancelled)) return 1;
    if (watch->began_at_ns > 0 && watch->first_byte_limit_ns > 0 && !watch->heard &&
        now_ns() - watch->began_at_ns >= watch->first_byte_limit_ns) {
        watch->stalled = 1;
        return 1;
    }
    if (down + up != watch->moved_bytes) {
        watch->moved_bytes = down + up;
        watch->moved_at_ns = 0;
        return 0;
    }
    // Nothing moved since the last call. The clock is read only then, so a busy transfer never pays for it;
    // a connection that is still being made has its own deadline and -1 here.
    if (watch->moved_at_ns < 0) return 0;
    int64_t now = now_ns();
    if (watch->moved_at_ns == 0) watch->moved_at_ns = now;
    if (now - watch->moved_at_ns < watch->stall_limit_ns) return 0;
    watch->stalled = 1;
    return 1;
}

static int on_connected(void *context, char *remote, char *local, int remote_port, int local_port) {
    alluxio_curl_watch *watch = context;
    (void)remote;
    (void)local;
    (void)remote_port;
    (void)local_port;
    watch->moved_at_ns = 0;
    watch->begun++;
    return CURL_PREREQFUNC_OK;
}

CURLcode alluxio_curl_set_receivers(CURL *easy, alluxio_curl_receive on_header, alluxio_curl_receive on_body,
                                    alluxio_curl_watch *watch) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_XFERINFODATA, watch);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_PREREQDATA, watch);
    return code;
}

CURLcode alluxio_curl_set_sender(CURL *easy, alluxio_curl_read read, alluxio_curl_seek seek, void *context) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_READFUNCTION, read);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_READDATA, context);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_SEEKDATA, context);
    return code;
}

CURLcode alluxio_curl_set_receiver_context(CURL *easy, void *context) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_HEADERDATA, context);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_WRITEDATA, context);
    return code;
}

CURLM *alluxio_curl_make_runner(void) {
    CURLM *runner = curl_multi_init();
    if (runner != NULL) curl_multi_setopt(runner, CURLMOPT_MAXCONNECTS, 1L);
    return runner;
}

// How long the wait for the socket may take, in milliseconds: to the next limit, at least 1, at most 1000.
static int wait_of(alluxio_curl_watch *watch) {
    int64_t now = now_ns();
    int64_t left = 1000000000;
    if (watch->moved_at_ns == 0) watch->moved_at_ns = now;
    if (watch->moved_at_ns > 0) {
        int64_t stall = watch->moved_at_ns + watch->stall_limit_ns - now;
        if (stall < left) left = stall;
    }
    if (watch->first_byte_limit_ns > 0 && !watch->heard) {
        int64_t first = watch->began_at_ns + watch->first_byte_limit_ns - now;
        if (first < left) left = first;
    }
    return left <= 0 ? 1 : (int)((left + 999999) / 1000000);
}

static CURLcode result_of(CURLM *runner, CURL *easy) {
    int left = 0;
    for (CURLMsg *message; (message = curl_multi_info_read(runner, &left)) != NULL;) {
        if (message->msg == CURLMSG_DONE && message->easy_handle == easy) return message->data.result;
    }
    return CURLE_FAILED_INIT;
}

CURLcode alluxio_curl_perform_precisely(CURLM *runner, CURL *easy, alluxio_curl_watch *watch) {
    watch->began_at_ns = now_ns();
    if (curl_multi_add_handle(runner, easy) != CURLM_OK) return CURLE_FAILED_INIT;
    CURLMcode state = CURLM_OK;
    int running = 1;
    for (;;) {
        state = curl_multi_perform(runner, &running);
        if (state != CURLM_OK || running == 0) break;
        state = curl_multi_poll(runner, NULL, 0, wait_of(watch), NULL);
        if (state != CURLM_OK) break;
    }
    CURLcode code = state == CURLM_OK ? result_of(runner, easy) : CURLE_OUT_OF_MEMORY;
    curl_multi_remove_handle(runner, easy);
    return code;
}

long alluxio_curl_get_long(CURL *easy, CURLINFO info) {
    long value = 0;
    return curl_easy_getinfo(easy, info, &value) == CURLE_OK ? value : 0;
}

// libcurl parses the system's bundle again for every handle: about 20 ms and 2 MB each. One shared store
// costs that once.
void *alluxio_curl_load_trust(const char *file) {
    X509_STORE *store = X509_STORE_new();
    if (store == NULL) return NULL;
    int loaded = file != NULL ? X509_STORE_load_file(store, file) : X509_STORE_set_default_paths(store);
    if (loaded != 1) {
        X509_STORE_free(store);
        return NULL;
    }
    return store;
}

void *alluxio_curl_read_trust(const void *text, size_t count) {
    BIO *input = count <= INT_MAX ? BIO_new_mem_buf(text, (int)count) : NULL;
    X509_STORE *store = input != NULL ? X509_STORE_new() : NULL;
    int added = 0;
    for (X509 *one; store != NULL && (one = PEM_read_bio_X509(input, NULL, NULL, NULL)) != NULL;) {
        added += X509_STORE_add_cert(store, one);
        X509_free(one);
    }
    // The end of the text is an error to OpenSSL; left in the queue it would be taken for the handshake's.
    ERR_clear_error();
    BIO_free(input);
    if (store != NULL && added == 0) {
        X509_STORE_free(store);
        return NULL;
    }
    return store;
}

static CURLcode on_tls_context(CURL *easy, void *context, void *store) {
    (void)easy;
    SSL_CTX_set1_cert_store(context, store);
    return CURLE_OK;
}

CURLcode alluxio_curl_share_trust(CURL *easy, void *store) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, store);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
    return code;
}

void alluxio_curl_free_trust(void *store) { X509_STORE_free(store); }
