/* The HTTP edge over real sockets of the loopback: clients that mean no good, beside those that want to be answered. */
#include "http_world.h"

#include <poll.h>

#include "base/clock.h"

static void test_nonsense(void **unused)
{
    (void)unused;
    static const char *const all[] = {
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET /metrics\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        "GET /metrics HTTP/9.9\r\n\r\n",
        "GET /%00%ff%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct pollfd client = {.fd = dial(mr_http_port(http)), .events = POLLIN};
        say(client.fd, all[i]);
        poll(&client, 1, 100); /* it may answer or wait for more: it must only stay well */
        close(client.fd);
    }
    int fd = dial(mr_http_port(http)); /* a header without end */
    say(fd, "GET /metrics HTTP/1.1\r\nHost: x\r\nLong: ");
    for (int i = 0;
         i < 200 &&
         say(fd,
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
         i++)
        continue;
    hear(fd);
    assert_int_equal(ask(mr_http_port(http), "GET", "/metrics", ""), 200);
}

/* Sends a byte to each every 100 ms until the server has ended all but `rest` of them; probes answer all the time. */
static void drip(size_t count, size_t rest)
{
    struct pollfd client[100];
    size_t left = count;
    uint16_t port = mr_http_probe_port(http);
    for (size_t i = 0; i < count; i++) {
        client[i] = (struct pollfd){.fd = dial(port), .events = POLLIN};
        say(client[i].fd, "GET /livez HTTP/1.1\r\nX: ");
    }
    uint64_t started = mr_clock_ms();
    while (left > rest) {
        assert_true(mr_clock_ms() - started < 60000);
        assert_int_equal(ask(port, "GET", "/livez", ""), 200);
        poll(client, count, 100);
        for (size_t i = 0; i < count; i++) {
            char byte;
            if (client[i].fd < 0)
                continue;
            if (client[i].revents && recv(client[i].fd, &byte, 1, MSG_DONTWAIT) <= 0) {
                close(client[i].fd);
                client[i].fd = -1;
                left--;
            } else {
                say(client[i].fd, "x");
            }
        }
    }
    for (size_t i = 0; i < count; i++)
        if (client[i].fd >= 0)
            close(client[i].fd);
}

static void test_four_dripping(void **unused)
{
    (void)unused;
    drip(4, 0); /* 10 s */
}

static void test_more_dripping_than_places(void **unused)
{
    (void)unused;
    drip(100, 32);
}

/* Clients that ask and never read do not keep others from being answered. */
static void test_deaf_clients(void **unused)
{
    (void)unused;
    int deaf[12];
    for (uint32_t i = 0; i < 20000; i++)
        mr_metrics_partition_open(metrics, i, "a-topic-with-a-name-of-some-length", (int32_t)i);
    for (size_t i = 0; i < 12; i++) {
        deaf[i] = dial(mr_http_port(http));
        say(deaf[i], "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    for (uint32_t i = 0; i < 20000; i++)
        mr_metrics_partition_close(metrics, i);
    assert_int_equal(ask(mr_http_port(http), "GET", "/metrics", ""), 200);
    assert_true(has("millrace_build_info"));
    for (size_t i = 0; i < 12; i++)
        close(deaf[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_nonsense), TEST(test_deaf_clients), TEST(test_four_dripping),
                                       TEST(test_more_dripping_than_places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
