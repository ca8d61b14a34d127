/* SPDX-License-Identifier: ISC */
/*
 * Many files into a folder: fed by the caller and received from a web server in this process, right ones, wrong ones
 * and missing ones. Built with -fsanitize=thread this also shows that the threads keep to their boundaries.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "fs/commit.h"
#include "fs/root.h"
#include "intake/intake.h"

#define FILES 300
#define CONNECTIONS 64
#define LENGTH_MAX ((size_t)700 * 1024) /* more than a block of what is fed */

/* --- files whose content follows from their number --- */

struct sample {
    char path[64], sha256[CW_SHA256_TEXT];
    size_t length;
};

static struct sample samples[FILES];
static char pattern[LENGTH_MAX + FILES]; /* file n is what begins at n */

static int make_samples(void **state)
{
    struct cw_err err;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof pattern; i++)
        pattern[i] = (char)((i * 2654435761U) >> 13);
    for (i = 0; i < FILES; i++) {
        snprintf(samples[i].path, sizeof samples[i].path, "d%zu/f%zu", i % 7, i);
        samples[i].length = i % 50 == 49 ? LENGTH_MAX - i : i * 37;
        assert_cw_ok(cw_sha256(samples[i].sha256, pattern + i, samples[i].length, &err), err);
    }
    return 0;
}

static struct cw_intake_file file_of(size_t i)
{
    return (struct cw_intake_file){.path = samples[i].path,
                                   .length = samples[i].length,
                                   .hashes = {{.kind = CW_SHA256, .text = samples[i].sha256}}};
}

static bool is_whole(int dir, size_t i)
{
    CW_AUTO_BUF bytes = CW_BUF_INIT(LENGTH_MAX + 1);

    return cw_at_read_file(&bytes, dir, samples[i].path, NULL) == CW_OK && bytes.len == samples[i].length &&
           memcmp(cw_buf_text(&bytes), pattern + i, bytes.len) == 0;
}

static int make_folder(char path[32])
{
    int dir;

    snprintf(path, 32, "/tmp/causeway-intake.XXXXXX");
    assert_non_null(mkdtemp(path));
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir >= 0);
    return dir;
}

static void remove_folder(int dir, const char *path)
{
    CW_AUTO_FD int tmp = -1;
    struct cw_err err;

    close(dir);
    assert_cw_ok(cw_dir_open(&tmp, "/tmp", &err), err);
    assert_cw_ok(cw_remove_tree(tmp, cw_str_basename(path), &err), err);
}

/* --- a web server: one thread, one request a read --- */

struct server {
    pthread_t thread;
    int listener, stop[2];
    unsigned port;
    size_t lacks; /* a file that it answers with 404; FILES: none */
    size_t wrong; /* one that it has with other bytes */
};

static void send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        data += n;
        len -= (size_t)n;
    }
}

static void answer(const struct server *server, int fd, const char *request)
{
    const char *name = strstr(request, "/f");
    size_t i = name != NULL ? strtoul(name + 2, NULL, 10) : FILES;
    char head[128];

    if (i >= FILES || i == server->lacks) {
        static const char none[] = "HTTP/1.1 404 None\r\nContent-Length: 0\r\n\r\n";

        send_all(fd, none, sizeof none - 1);
        return;
    }
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", samples[i].length);
    send_all(fd, head, strlen(head));
    send_all(fd, pattern + i + (i == server->wrong), samples[i].length);
}

static void *serve(void *ctx)
{
    struct server *server = ctx;
    struct pollfd fds[2 + CONNECTIONS] = {{.fd = server->stop[0], .events = POLLIN},
                                          {.fd = server->listener, .events = POLLIN}};
    nfds_t i, count = 2;
    char request[4096];

    while (poll(fds, count, -1) > 0 && (fds[0].revents & POLLIN) == 0) {
        for (i = count; i-- > 2;) {
            ssize_t n = fds[i].revents != 0 ? recv(fds[i].fd, request, sizeof request - 1, 0) : 1;

            if (n <= 0) {
                close(fds[i].fd);
                fds[i] = fds[--count];
            } else if (fds[i].revents != 0) {
                request[n] = '\0';
                answer(server, fds[i].fd, request);
            }
        }
        if ((fds[1].revents & POLLIN) != 0 && count < CONNECTIONS + 2)
            fds[count++] = (struct pollfd){.fd = accept(server->listener, NULL, NULL), .events = POLLIN};
    }
    for (i = 2; i < count; i++)
        close(fds[i].fd);
    return NULL;
}

static void server_start(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(server->listener, CONNECTIONS), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &len), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pipe(server->stop), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server)
{
    assert_int_equal(write(server->stop[1], "x", 1), 1);
    pthread_join(server->thread, NULL);
    close(server->stop[0]);
    close(server->stop[1]);
    close(server->listener);
}

/* --- tests --- */

struct seen {
    uint64_t bytes, files, missing;
    char last[64];
};

static void progress(void *ctx, uint64_t bytes, uint64_t files)
{
    struct seen *seen = ctx;

    seen->bytes += bytes;
    seen->files += files;
}

static void missing(void *ctx, const struct cw_intake_file *file)
{
    struct seen *seen = ctx;

    seen->missing++;
    snprintf(seen->last, sizeof seen->last, "%s", file->path);
}

static int give(void *ctx, cw_http_sink *sink, void *sink_ctx, struct cw_err *err)
{
    size_t i = *(size_t *)ctx, at = 0;
    int rc = CW_OK;

    if (i == SIZE_MAX)
        return cw_err_set(err, CW_E_NOTFOUND, "none");
    while (rc == CW_OK && at < samples[i].length) {
        size_t len = samples[i].length - at < 100000 ? samples[i].length - at : 100000;

        rc = sink(sink_ctx, pattern + i + at, len, err);
        at += len;
    }
    return rc;
}

static void test_feed(void **state)
{
    struct seen seen = {.bytes = 0};
    struct cw_intake_options options = {.progress = progress, .missing = missing, .ctx = &seen};
    struct cw_intake_result result;
    struct cw_intake *intake;
    size_t i, none = SIZE_MAX, total = 0;
    struct cw_err err;
    char path[32];

    (void)state;
    options.dir = make_folder(path);
    assert_cw_ok(cw_intake_open(&intake, &options, &err), err);
    for (i = 1; i < FILES; i++) {
        const struct cw_intake_file file = file_of(i);

        assert_cw_ok(cw_intake_feed(intake, &file, give, &i, &err), err);
        total += samples[i].length;
    }
    { /* one that cannot be read harms no other */
        const struct cw_intake_file file = file_of(0);

        assert_cw_fails(CW_E_NOTFOUND, "none", cw_intake_feed(intake, &file, give, &none, &err), err);
    }
    assert_cw_ok(cw_intake_finish(intake, &result, &err), err);
    assert_int_equal(result.files, FILES - 1);
    assert_int_equal(result.bytes, total);
    assert_int_equal(result.carried, total);
    assert_int_equal(seen.bytes, total);
    assert_int_equal(seen.files, FILES - 1);
    assert_int_equal(seen.missing, 0);
    cw_intake_close(intake);
    for (i = 1; i < FILES; i++)
        assert_true(is_whole(options.dir, i));
    assert_int_equal(faccessat(options.dir, samples[0].path, F_OK, 0), -1);
    assert_int_equal(faccessat(options.dir, CW_INTAKE_FOLDER, F_OK, 0), -1);
    remove_folder(options.dir, path);
}

static void test_feed_wrong(void **state)
{
    struct cw_intake_options options = {.progress = NULL};
    struct cw_intake_result result;
    struct cw_intake *intake;
    size_t good = 10, other = 11;
    struct cw_err err;
    char path[32];

    (void)state;
    options.dir = make_folder(path);
    assert_cw_ok(cw_intake_open(&intake, &options, &err), err);
    {
        const struct cw_intake_file first = file_of(good), second = file_of(20);

        assert_cw_ok(cw_intake_feed(intake, &first, give, &good, &err), err);
        (void)cw_intake_feed(intake, &second, give, &other, &err); /* may be told here, is told at the end */
    }
    assert_cw_fails(CW_E_VERIFY, samples[20].path, cw_intake_finish(intake, &result, &err), err);
    cw_intake_close(intake);
    assert_true(is_whole(options.dir, good));
    assert_int_equal(faccessat(options.dir, samples[20].path, F_OK, 0), -1);
    remove_folder(options.dir, path);
}

/* One content under two names that are alike in a weak sum (their 32-bit FNV-1a is the same): each is a file of its own. */
static void test_feed_alike(void **state)
{
    static const char *const names[] = {"costarring", "liquid"};
    struct cw_intake_options options = {.progress = NULL};
    struct cw_intake_result result;
    struct cw_intake *intake;
    size_t i, number = 49; /* of several blocks: the one is still on its way when the other begins */
    struct cw_err err;
    char path[32];

    (void)state;
    options.dir = make_folder(path);
    assert_cw_ok(cw_intake_open(&intake, &options, &err), err);
    for (i = 0; i < CW_COUNT(names); i++) {
        struct cw_intake_file file = file_of(number);

        file.path = names[i];
        assert_cw_ok(cw_intake_feed(intake, &file, give, &number, &err), err);
    }
    assert_cw_ok(cw_intake_finish(intake, &result, &err), err);
    assert_int_equal(result.files, CW_COUNT(names));
    cw_intake_close(intake);
    for (i = 0; i < CW_COUNT(names); i++) {
        CW_AUTO_BUF bytes = CW_BUF_INIT(LENGTH_MAX + 1);

        assert_cw_ok(cw_at_read_file(&bytes, options.dir, names[i], &err), err);
        assert_int_equal(bytes.len, samples[number].length);
    }
    remove_folder(options.dir, path);
}

/* After a power cut a part may lie in two inboxes: neither stands in the way of the new one. */
static void test_feed_left_twice(void **state)
{
    struct cw_intake_options options = {.progress = NULL};
    const struct cw_intake_file file = file_of(12);
    char path[32], place[CW_SHA256_TEXT], left[CW_SHA256_TEXT + 64];
    struct cw_intake_result result;
    struct cw_intake *intake;
    size_t number = 12;
    struct cw_err err;
    int i;

    (void)state;
    options.dir = make_folder(path);
    assert_cw_ok(cw_sha256(place, file.path, strlen(file.path), &err), err);
    for (i = 0; i < 2; i++) {
        snprintf(left, sizeof left, CW_INTAKE_FOLDER "/%d/%s.%.32s.part", i, samples[12].sha256, place);
        assert_cw_ok(cw_file_replace(options.dir, left, pattern, samples[12].length, 0644, &err), err);
    }
    assert_cw_ok(cw_intake_open(&intake, &options, &err), err);
    assert_cw_ok(cw_intake_feed(intake, &file, give, &number, &err), err);
    assert_cw_ok(cw_intake_finish(intake, &result, &err), err);
    cw_intake_close(intake);
    assert_true(is_whole(options.dir, 12));
    assert_int_equal(faccessat(options.dir, CW_INTAKE_FOLDER, F_OK, 0), -1);
    remove_folder(options.dir, path);
}

/* From two servers: the first lacks one file and has another wrong. */
static void receive(struct server *first, struct server *second, struct seen *seen, int code,
                    const char *text)
{
    const struct cw_http_options http = {.proxy = ""};
    struct cw_intake_source sources[2] = {{.options = &http, .name = "first"},
                                          {.options = &http, .name = "second"}};
    struct cw_intake_options options = {.sources = sources,
                                        .source_count = second != NULL ? 2 : 1,
                                        .progress = progress,
                                        .missing = missing,
                                        .ctx = seen};
    char urls[2][64], path[32];
    struct cw_intake_result result;
    struct cw_intake *intake;
    struct cw_err err;
    size_t i;
    int rc;

    options.dir = make_folder(path);
    for (i = 0; i < options.source_count; i++) {
        struct server *server = i == 0 ? first : second;

        server_start(server);
        snprintf(urls[i], sizeof urls[i], "http://127.0.0.1:%u/", server->port);
        sources[i].base = urls[i];
    }
    assert_cw_ok(cw_intake_open(&intake, &options, &err), err);
    for (i = 0, rc = CW_OK; i < FILES && rc == CW_OK; i++) {
        const struct cw_intake_file file = file_of(i);

        rc = cw_intake_add(intake, &file, &err);
    }
    if (rc == CW_OK)
        rc = cw_intake_finish(intake, &result, &err);
    cw_intake_close(intake);
    server_stop(first);
    if (second != NULL)
        server_stop(second);
    assert_int_equal(rc, code);
    if (code != CW_OK)
        assert_non_null(strstr(err.text, text));
    for (i = 0; i < FILES; i++)
        assert_true(is_whole(options.dir, i) || code != CW_OK || (second == NULL && i == first->lacks));
    if (code == CW_OK && second != NULL) {
        assert_int_equal(sources[0].failed, CW_E_VERIFY);
        assert_true(sources[0].skipped);
        assert_int_equal(sources[1].failed, CW_OK);
        assert_true(sources[1].files >= 1);
        assert_int_equal(sources[0].files + sources[1].files, FILES);
    }
    remove_folder(options.dir, path);
}

static void test_receive_missing(void **state)
{
    struct server server = {.lacks = 33, .wrong = FILES};
    struct seen seen = {.bytes = 0};

    (void)state;
    receive(&server, NULL, &seen, CW_OK, NULL);
    assert_int_equal(seen.missing, 1);
    assert_string_equal(seen.last, samples[33].path);
    assert_int_equal(seen.files, FILES - 1);
}

static void test_receive_wrong(void **state)
{
    struct server server = {.lacks = FILES, .wrong = 99};
    struct seen seen = {.bytes = 0};

    (void)state;
    receive(&server, NULL, &seen, CW_E_VERIFY, samples[99].path);
}

static void test_receive_from_two(void **state)
{
    struct server first = {.lacks = 33, .wrong = 99}, second = {.lacks = FILES, .wrong = FILES};
    struct seen seen = {.bytes = 0};

    (void)state;
    receive(&first, &second, &seen, CW_OK, NULL);
    assert_int_equal(seen.missing, 0);
    assert_int_equal(seen.files, FILES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feed),
        cmocka_unit_test(test_feed_wrong),
        cmocka_unit_test(test_feed_alike),
        cmocka_unit_test(test_feed_left_twice),
        cmocka_unit_test(test_receive_missing),
        cmocka_unit_test(test_receive_wrong),
        cmocka_unit_test(test_receive_from_two),
    };

    return cmocka_run_group_tests(tests, make_samples, NULL);
}
