// GETs of random 4 KiB ranges over one kept connection by libcurl; prints the median in microseconds.
//
//   latency URL FILE_BYTES COUNT
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { RANGE_BYTES = 4096 };

static size_t discard(char *bytes, size_t size, size_t count, void *context) {
    (void)bytes;
    *(size_t *)context += size * count;
    return size * count;
}

static int ascending(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

int main(int count, char **words) {
    if (count != 4) return fprintf(stderr, "usage: latency URL FILE_BYTES COUNT\n"), 2;
    long blocks = atol(words[2]) / RANGE_BYTES, rounds = atol(words[3]);
    double *samples = calloc((size_t)rounds, sizeof *samples);
    CURL *easy = curl_easy_init();
    size_t got = 0;
    curl_easy_setopt(easy, CURLOPT_URL, words[1]);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &got);
    srand(7);
    for (long round = 0; round < rounds; round++) {
        char range[64];
        long start = rand() % blocks * RANGE_BYTES;
        snprintf(range, sizeof range, "%ld-%ld", start, start + RANGE_BYTES - 1);
        curl_easy_setopt(easy, CURLOPT_RANGE, range);
        got = 0;
        struct timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        CURLcode code = curl_easy_perform(easy);
        if (code != CURLE_OK || got != RANGE_BYTES) return fprintf(stderr, "a GET failed\n"), 1;
        clock_gettime(CLOCK_MONOTONIC, &b);
        samples[round] = (double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) * 1e-3;
    }
    qsort(samples, (size_t)rounds, sizeof *samples, ascending);
    printf("%.1f\n", samples[rounds / 2]);
    return 0;
}
