// Reads ranges over kept connections for a while, and prints what came.
//
//   load HOST PORT CONNECTIONS SECONDS RANGE_BYTES FILE_BYTES FORM PATH
//
// FORM `range`: GET PATH with a Range field. FORM `page`: GET of the worker's pages, PATH is the file's
// address. Prints: bytes requests seconds cpu_seconds p50_microseconds. Raw sockets, so that the client costs
// little.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLES_MAX = 1 << 18, ID_DIGITS = 64 };

static struct sockaddr_in server;
static long range_bytes, file_bytes;
static double seconds;
static int is_page;
static const char *path;

struct reader {
    pthread_t thread;
    unsigned seed;
    long bytes, requests, failures;
    float *samples;
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static int request_text(char *text, size_t room, long index) {
    if (is_page)
        return snprintf(text, room,
                        "GET /v1/file/%0*d/page/%ld?ufsFullPath=%s HTTP/1.1\r\nHost: a\r\n\r\n",
                        ID_DIGITS, 0, index, path);
    return snprintf(text, room, "GET %s HTTP/1.1\r\nHost: a\r\nRange: bytes=%ld-%ld\r\n\r\n", path,
                    index * range_bytes, (index + 1) * range_bytes - 1);
}

// Receives one answer; returns its body's length, or -1.
static long receive(int connection, char *buffer, size_t room) {
    long have = 0, need = -1, body = -1;
    while (need < 0 || have < need) {
        size_t used = need < 0 ? (size_t)have : 0;
        ssize_t count = recv(connection, buffer + used, room - 1 - used, 0);
        if (count <= 0) return -1;
        have += count;
        if (need >= 0) continue;
        buffer[have] = 0;
        char *end = strstr(buffer, "\r\n\r\n");
        if (end == NULL) continue;
        char *length = strcasestr(buffer, "content-length:");
        if (length == NULL) return -1;
        body = atol(length + strlen("content-length:"));
        need = (end - buffer) + 4 + body;
    }
    return body;
}

static void *read_on(void *argument) {
    struct reader *reader = argument;
    static __thread char buffer[1 << 18];
    char text[4096];
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection, (struct sockaddr *)&server, sizeof server) != 0) {
        reader->failures++;
        return NULL;
    }
    double end = now() + seconds;
    for (double began = now(); began < end; began = now()) {
        long index = rand_r(&reader->seed) % (file_bytes / range_bytes);
        int length = request_text(text, sizeof text, index);
        if (write(connection, text, (size_t)length) != length ||
            receive(connection, buffer, sizeof buffer) != range_bytes) {
            reader->failures++;
            break;
        }
        if (reader->requests < SAMPLES_MAX)
            reader->samples[reader->requests] = (float)((now() - began) * 1e6);
        reader->bytes += range_bytes;
        reader->requests++;
    }
    close(connection);
    return NULL;
}

static int ascending(const void *left, const void *right) {
    float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

int main(int count, char **words) {
    if (count != 9)
        return fprintf(stderr, "usage: load HOST PORT CONNECTIONS SECONDS RANGE FILE FORM PATH\n"), 2;
    server.sin_family = AF_INET;
    server.sin_addr.s_addr = inet_addr(words[1]);
    server.sin_port = htons((unsigned short)atoi(words[2]));
    int connections = atoi(words[3]);
    seconds = atof(words[4]);
    range_bytes = atol(words[5]);
    file_bytes = atol(words[6]);
    is_page = strcmp(words[7], "page") == 0;
    path = words[8];
    struct reader *readers = calloc((size_t)connections, sizeof *readers);
    double began = now();
    for (int i = 0; i < connections; i++) {
        readers[i].seed = (unsigned)i * 7919u + 1;
        readers[i].samples = malloc(SAMPLES_MAX * sizeof(float));
        pthread_create(&readers[i].thread, NULL, read_on, &readers[i]);
    }
    long bytes = 0, requests = 0, failures = 0;
    for (int i = 0; i < connections; i++) {
        pthread_join(readers[i].thread, NULL);
        bytes += readers[i].bytes;
        requests += readers[i].requests;
        failures += readers[i].failures;
    }
    double wall = now() - began;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    long kept = readers[0].requests < SAMPLES_MAX ? readers[0].requests : SAMPLES_MAX;
    qsort(readers[0].samples, (size_t)kept, sizeof(float), ascending);
    double median = kept > 0 ? readers[0].samples[kept / 2] : 0;
    printf("%ld %ld %.3f %.3f %.1f\n", bytes, requests, wall, cpu, median);
    return failures > 0;
}
