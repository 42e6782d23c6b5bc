// The least that a libfuse server can do: shows one local file as `<mountpoint>/file`, read-only, by splice.
// What our daemon's CPU is measured against. Build and run:
//
//   cc -O2 -Wall -o minimal_server minimal_server.c $(pkg-config --cflags --libs fuse3)
//   ./minimal_server [-m] [-d] [-a] <file> <mountpoint>
//
// -m: reads the file into memory first and replies from there; -d: open files go round the kernel's page
// cache; -a: attributes are not cached. Runs in the foreground on up to ten threads until it is unmounted.
#define FUSE_USE_VERSION 314
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_READ 524288
#define FILE_NODE 2

static int source;
static struct stat source_attributes;
static const char *memory;
static int uses_direct_io;
static double valid_seconds = 3600;

static void set_up(void *data, struct fuse_conn_info *connection) {
    (void)data;
    connection->want |= FUSE_CAP_SPLICE_WRITE | FUSE_CAP_EXPLICIT_INVAL_DATA;
    connection->want &= ~FUSE_CAP_AUTO_INVAL_DATA;
    connection->max_read = MAX_READ;
    connection->max_write = MAX_READ;
    connection->max_background = 128;
}

static struct stat attributes_of(fuse_ino_t node) {
    struct stat attributes = {.st_ino = node, .st_mode = S_IFDIR | 0755, .st_nlink = 2};
    if (node != FILE_NODE) return attributes;
    attributes.st_mode = S_IFREG | 0444;
    attributes.st_nlink = 1;
    attributes.st_size = source_attributes.st_size;
    attributes.st_mtim = source_attributes.st_mtim;
    return attributes;
}

static void look_up(fuse_req_t request, fuse_ino_t parent, const char *name) {
    if (parent != FUSE_ROOT_ID || strcmp(name, "file") != 0) {
        fuse_reply_err(request, ENOENT);
        return;
    }
    struct fuse_entry_param entry = {.ino = FILE_NODE, .attr_timeout = valid_seconds, .entry_timeout = 3600};
    entry.attr = attributes_of(FILE_NODE);
    fuse_reply_entry(request, &entry);
}

static void get_attributes(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *info) {
    (void)info;
    struct stat attributes = attributes_of(node);
    fuse_reply_attr(request, &attributes, valid_seconds);
}

static void open_file(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *info) {
    (void)node;
    info->keep_cache = 1;
    info->direct_io = uses_direct_io;
    info->noflush = 1;
    fuse_reply_open(request, info);
}

static void read_file(fuse_req_t request, fuse_ino_t node, size_t count, off_t offset,
                      struct fuse_file_info *info) {
    (void)node;
    (void)info;
    off_t left = offset < source_attributes.st_size ? source_attributes.st_size - offset : 0;
    if ((off_t)count > left) count = (size_t)left;
    if (memory) {
        fuse_reply_buf(request, memory + offset, count);
        return;
    }
    struct fuse_bufvec bytes = FUSE_BUFVEC_INIT(count);
    bytes.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
    bytes.buf[0].fd = source;
    bytes.buf[0].pos = offset;
    fuse_reply_data(request, &bytes, 0);
}

static int load(void) {
    size_t size = (size_t)source_attributes.st_size;
    char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED) return -1;
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(source, bytes + done, size - done, (off_t)done);
        if (got <= 0) return -1;
        done += (size_t)got;
    }
    memory = bytes;
    return 0;
}

int main(int count, char **words) {
    int option, uses_memory = 0;
    while ((option = getopt(count, words, "mda")) != -1) {
        if (option == 'm') uses_memory = 1;
        if (option == 'd') uses_direct_io = 1;
        if (option == 'a') valid_seconds = 0;
        if (option == '?') return 2;
    }
    if (count - optind != 2) {
        fprintf(stderr, "usage: minimal_server [-m] [-d] [-a] <file> <mountpoint>\n");
        return 2;
    }
    source = open(words[optind], O_RDONLY | O_CLOEXEC);
    if (source < 0 || fstat(source, &source_attributes) != 0 || (uses_memory && load() != 0)) {
        perror(words[optind]);
        return 1;
    }
    struct fuse_lowlevel_ops operations = {
        .init = set_up, .lookup = look_up, .getattr = get_attributes, .open = open_file, .read = read_file};
    struct fuse_args arguments = FUSE_ARGS_INIT(0, NULL);
    fuse_opt_add_arg(&arguments, words[0]);
    fuse_opt_add_arg(&arguments, "-oro,fsname=minimal,subtype=minimal-server,max_read=524288");
    struct fuse_session *session = fuse_session_new(&arguments, &operations, sizeof operations, NULL);
    if (!session || fuse_session_mount(session, words[optind + 1]) != 0) return 1;
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    int status = fuse_session_loop_mt(session, config);
    fuse_loop_cfg_destroy(config);
    fuse_session_unmount(session);
    fuse_session_destroy(session);
    fuse_opt_free_args(&arguments);
    return status != 0;
}
