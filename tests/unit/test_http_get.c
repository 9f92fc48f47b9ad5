/* The GET of the commands against a server that says what the test wants, byte by byte where it matters. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "edges/http_get.h"
#include "edges/http_listen.h"

typedef struct script {
    const char *says;
    size_t len;
    bool drips; /* a byte at a time */
    bool stays; /* keeps the connection open until the other side ends it */
} script;

static int listening;
static uint16_t port;
static char request[4096];
static script plays;

static void *serve(void *unused)
{
    (void)unused;
    char byte;
    size_t len = 0;
    int fd = accept(listening, NULL, NULL);
    while (len < sizeof request - 1 && recv(fd, request + len, 1, 0) == 1) {
        request[++len] = 0;
        if (len >= 4 && !strcmp(request + len - 4, "\r\n\r\n"))
            break;
    }
    size_t step = plays.drips ? 1 : plays.len;
    for (size_t sent = 0; sent < plays.len && step > 0; sent += step) {
        if (send(fd, plays.says + sent, step, MSG_NOSIGNAL) < 0)
            break;
        if (plays.drips)
            usleep(500);
    }
    if (plays.stays)
        while (recv(fd, &byte, 1, 0) > 0)
            ;
    close(fd);
    return NULL;
}

static int set_up(void **unused)
{
    (void)unused;
    mr_error error;
    if (mr_http_listen("test", "127.0.0.1:0", &listening, &port, &error) != MR_OK)
        return 1;
    int blocking = fcntl(listening, F_GETFL);
    return fcntl(listening, F_SETFL, blocking & ~O_NONBLOCK);
}

static int tear_down(void **unused)
{
    (void)unused;
    return close(listening);
}

static mr_status get_with(script says, uint32_t timeout_ms, const char *tail, mr_http_answer *answer,
                          mr_error *error)
{
    char url[128];
    pthread_t server;
    plays = says;
    assert_int_equal(pthread_create(&server, NULL, serve, NULL), 0);
    snprintf(url, sizeof url, "127.0.0.1:%u%s", port, tail);
    mr_http_question question = {url, "/status", 1, timeout_ms};
    mr_status status = mr_http_get(&question, answer, error);
    assert_int_equal(pthread_join(server, NULL), 0);
    return status;
}

static void expect(const char *says, const char *body)
{
    for (int drips = 0; drips < 2; drips++) {
        mr_http_answer answer;
        mr_error error = {.text = ""};
        mr_status status =
            get_with((script){.says = says, .len = strlen(says), .drips = drips}, 10000, "", &answer, &error);
        if (status != (body ? MR_OK : MR_UNAVAILABLE))
            fail_msg("%d %s, of: %s", status, error.text, says);
        if (body) {
            assert_int_equal(answer.len, strlen(body));
            assert_string_equal(answer.body, body);
        } else {
            assert_non_null(strstr(error.text, ": see that the worker runs"));
        }
        mr_http_answer_free(&answer);
    }
}

static void test_answers(void **unused)
{
    (void)unused;
    expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello");
    expect("HTTP/1.1 200 OK\r\ncontent-length:   5\r\nX: y\r\n\r\nhello and more", "hello");
    expect("HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end");
    expect("HTTP/1.0 204 \r\nContent-Length: 0\r\n\r\n", "");
    expect(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
        "hello0123456789");
}

static void test_broken_answers(void **unused)
{
    (void)unused;
    expect("", NULL);
    expect("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", NULL);
    expect("HTTP/1.1 200 OK\r\nContent-Le", NULL);
    expect("SSH-2.0-OpenSSH_9.2\r\n\r\n", NULL);
    expect("HTTP/2.0 200 OK\r\n\r\n", NULL);
    expect("HTTP/1.1 OK\r\n\r\n", NULL);
    expect("HTTP/1.1 99999999999999999999 OK\r\n\r\nhello", NULL);
    expect("HTTP/1.1 20 OK\r\n\r\nhello", NULL);
    expect("HTTP/1.x 200 OK\r\n\r\nhello", NULL);
    expect("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello", NULL);
    expect("HTTP/1.1 200 OK\r\nContent-Length: -18446744073709551611\r\n\r\nhello", NULL);
    expect("HTTP/1.1 200 OK\r\nContent-Length:\r\n5: x\r\n\r\nhello", NULL);
    expect("HTTP/1.1 200 OK\r\nContent-Length: 5 or so\r\n\r\nhello", NULL);
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello", NULL);
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", NULL);
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff0\r\nhello\r\n0\r\n\r\n",
           NULL);
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\nhello\r\n0\r\n\r\n", NULL);
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-fffffffffffffffb\r\nhello\r\n0\r\n\r\n",
           NULL);
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhellohe0\r\n\r\n", NULL);
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello", NULL);
}

static void test_status_and_request(void **unused)
{
    (void)unused;
    static const char says[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nno\n";
    char host[64];
    mr_http_answer answer;
    mr_error error;
    /* The connection stays open: the length says that the answer is whole. */
    script stays = {.says = says, .len = sizeof says - 1, .stays = true};
    assert_int_equal(get_with(stays, 10000, "", &answer, &error), MR_OK);
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer.body, "no\n");
    mr_http_answer_free(&answer);
    snprintf(host, sizeof host, "\r\nHost: 127.0.0.1:%u\r\n", port);
    assert_int_equal(strncmp(request, "GET /status HTTP/1.1\r\n", 22), 0);
    assert_non_null(strstr(request, host));
    assert_non_null(strstr(request, "\r\nConnection: close\r\n"));
    assert_int_equal(get_with(stays, 10000, "/", &answer, &error), MR_OK);
    assert_int_equal(strncmp(request, "GET /status HTTP/1.1\r\n", 22), 0);
    mr_http_answer_free(&answer);
    assert_int_equal(get_with(stays, 10000, "/a/b?c=d", &answer, &error), MR_OK);
    assert_int_equal(strncmp(request, "GET /a/b?c=d HTTP/1.1\r\n", 23), 0);
    mr_http_answer_free(&answer);
}

/* Neither silence nor dripping keeps it longer than it was told. */
static void test_time(void **unused)
{
    (void)unused;
    static char endless[20000] = "HTTP/1.1 200 OK\r\nX: ";
    memset(endless + 20, 'x', sizeof endless - 21);
    const script all[] = {{.says = "", .stays = true},
                          {.says = "HTTP/1.1 200 OK\r\n", .len = 17, .stays = true},
                          {.says = endless, .len = sizeof endless - 1, .drips = true}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        mr_http_answer answer;
        mr_error error;
        uint64_t began_ms = mr_clock_ms();
        assert_int_equal(get_with(all[i], 300, "", &answer, &error), MR_UNAVAILABLE);
        assert_in_range(mr_clock_ms() - began_ms, 290, 3000);
        assert_non_null(strstr(error.text, "no whole answer in time"));
        mr_http_answer_free(&answer);
    }
}

static void test_large(void **unused)
{
    (void)unused;
    size_t len = 5000000;
    char *says = malloc(len + 100);
    int head = snprintf(says, 100, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
    for (size_t i = 0; i < len; i++)
        says[(size_t)head + i] = (char)('a' + i % 23);
    mr_http_answer answer;
    mr_error error;
    assert_int_equal(get_with((script){.says = says, .len = (size_t)head + len}, 30000, "", &answer, &error),
                     MR_OK);
    assert_int_equal(answer.len, len);
    assert_memory_equal(answer.body, says + head, len);
    mr_http_answer_free(&answer);
    free(says);
}

static void test_urls(void **unused)
{
    (void)unused;
    static const char *const bad[] = {
        "https://127.0.0.1:1", "ftp://x",         "a b",  "x\ny",   "127.0.0.1:0",
        "http://::1:80",       "127.0.0.1:99999", "[::1", "host:1x"};
    static const char *const refused[] = {"127.0.0.1:1", "http://127.0.0.1:1/x", "[::]:1",   "0.0.0.0:1",
                                          ":1",          "HTTP://127.0.0.1:1",   "127.0.0.1"};
    mr_http_answer answer;
    mr_error error;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mr_http_question question = {bad[i], "/", 1, 1000};
        if (mr_http_get(&question, &answer, &error) != MR_USAGE)
            fail_msg("%s: %s", bad[i], error.text);
        mr_http_answer_free(&answer);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        mr_http_question question = {refused[i], "/", 1, 1000};
        assert_int_equal(mr_http_get(&question, &answer, &error), MR_UNAVAILABLE);
        if (strncmp(error.text, "127.0.0.1:1: Connection refused: ", 33) != 0)
            fail_msg("%s: %s", refused[i], error.text);
        mr_http_answer_free(&answer);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answers), TEST(test_broken_answers), TEST(test_status_and_request),
        TEST(test_time),    TEST(test_large),          TEST(test_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
