/* The HTTP edge over real sockets of the loopback: answers, refusals, addresses. */
#include "http_world.h"

#include <jansson.h>

#include "base/clock.h"
#include "edges/http_listen.h"
#include "edges/process.h"
#include "stages/page.h"

static void test_metrics(void **unused)
{
    (void)unused;
    static const struct {
        const char *accept;
        bool open;
    } all[] = {
        {"", false},
        {"Accept: */*\r\n", false},
        {"Accept: text/plain\r\n", false},
        {"Accept: application/openmetrics-text\r\n", true},
        {"Accept: application/openmetrics-text; version=1.0.0\r\n", true},
        {"Accept: application/openmetrics-text; version=9.0.0\r\n", false},
        {"Accept: application/openmetrics-text;q=0\r\n", false},
        {"Accept: application/openmetrics-text;q=0.2,text/plain;q=0.9\r\n", false},
        {"Accept: application/openmetrics-textile\r\n", false},
        /* weights that are none */
        {"Accept: application/openmetrics-text;q=-1e99\r\n", false},
        {"Accept: application/openmetrics-text;q=nan\r\n", false},
        {"Accept: application/openmetrics-text;q=1e99,text/plain;q=1\r\n", true},
        {"Accept: application/openmetrics-text;q=0.5,text/plain;q=1e99\r\n", false},
        /* Prometheus 2.42, Prometheus 3 */
        {"Accept: "
         "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
         "text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n",
         true},
        {"Accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
         "text/plain;version=0.0.4;q=0.4,*/*;q=0.2\r\n",
         true},
    };
    mr_metric_add(metrics, MR_M_MESSAGES_CONSUMED, 0, 0, 42);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_int_equal(ask(mr_http_port(http), "GET", "/metrics", all[i].accept), 200);
        assert_true(has("millrace_messages_consumed_total{stream=\"events\"} 42\n"));
        assert_true(has("Connection: close"));
        if (has("# EOF") != all[i].open ||
            has("content-type: application/openmetrics-text; version=1.0.0") != all[i].open)
            fail_msg("%s", all[i].accept);
        if (!all[i].open)
            assert_true(has("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    }
}

static void test_status(void **unused)
{
    (void)unused;
    assert_int_equal(ask(mr_http_port(http), "GET", "/status", ""), 200);
    assert_true(has("Content-Type: application/json\r\n") && has("Cache-Control: no-store"));
    json_t *status = json_loads(body(), JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(json_string_value(json_object_get(status, "version")), MILLRACE_VERSION);
    json_decref(status);
    for (uint32_t i = 0; i < 20000; i++) /* more than was set aside */
        mr_board_partition_set(
            board, i, &(mr_board_partition){.topic = "t", .partition = (int32_t)i, .state = "running"});
    assert_int_equal(ask(mr_http_port(http), "GET", "/status", ""), 200);
    status = json_loads(body(), JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_array_size(json_object_get(status, "partitions")), 20000);
    json_decref(status);
    assert_int_equal(ask(mr_http_probe_port(http), "GET", "/status", ""), 404);
}

static void test_page(void **unused)
{
    (void)unused;
    char policy[512];
    uint16_t port = mr_http_port(http);
    mr_board_partition_set(board, 0,
                           &(mr_board_partition){.topic = "clicks", .partition = 7, .state = "running"});
    assert_int_equal(ask(port, "GET", "/", ""), 200);
    snprintf(policy, sizeof policy, "Content-Security-Policy: %s\r\n", mr_page_policy);
    assert_true(has("Content-Type: text/html; charset=utf-8\r\n") && has(policy));
    assert_true(has("X-Content-Type-Options: nosniff\r\n") && has("Referrer-Policy: no-referrer\r\n") &&
                has("Cache-Control: no-store\r\n"));
    assert_int_equal(strncmp(body(), "<!doctype html>\n", 16), 0);
    assert_non_null(strstr(body(), "<th scope=\"row\">clicks/7</th>"));
    assert_non_null(strstr(body(), "</html>\n"));
    assert_null(strstr(body(), "<p class=\"value\">unknown")); /* it knows how much memory it takes */
    assert_int_equal(ask(port, "HEAD", "/", ""), 200);
    assert_true(has(policy));
    assert_string_equal(body(), "");
    assert_int_equal(ask(port, "GET", "/?x=1", ""), 200);
    assert_int_equal(ask(port, "GET", "//", ""), 404);
    assert_int_equal(ask(port, "POST", "/", "Content-Length: 0\r\n"), 405);
    assert_int_equal(ask(mr_http_probe_port(http), "GET", "/", ""), 404);
    assert_int_equal(ask(port, "GET", "/status", ""), 200);
    assert_false(has("Content-Security-Policy"));
    for (uint32_t i = 0; i < 150; i++) { /* more than was set aside */
        static char why[MR_BOARD_WHY_BYTES];
        memset(why, '"', sizeof why - 1);
        mr_board_partition_set(
            board, i,
            &(mr_board_partition){.topic = "t", .partition = (int32_t)i, .state = "held", .why = why});
    }
    assert_int_equal(ask(port, "GET", "/", ""), 200);
    assert_non_null(strstr(body(), "t/149</th>"));
    assert_non_null(strstr(body(), "</html>\n"));
}

/* http.status_page is false. */
static void test_no_page(void **unused)
{
    (void)unused;
    mr_http *second = NULL;
    mr_error error;
    mr_arena *own = mr_arena_new();
    mr_config other = config;
    mr_probes none = {.live = NULL};
    other.http.status_page = false;
    assert_int_equal(mr_http_start(&other, metrics, board, &none, own, &second, &error), MR_OK);
    assert_int_equal(ask(mr_http_port(second), "GET", "/", ""), 404);
    assert_true(has("this port has /metrics, /status; probes"));
    assert_int_equal(ask(mr_http_port(second), "HEAD", "/", ""), 404);
    assert_int_equal(ask(mr_http_port(second), "GET", "/status", ""), 200);
    mr_http_stop(second);
    mr_arena_free(own);
}

/* An empty address: the port is not there, and the other one is. */
static void test_none(void **unused)
{
    (void)unused;
    mr_error error;
    mr_probes none = {.live = NULL};
    for (int both = 0; both < 2; both++) {
        mr_http *second = NULL;
        mr_arena *own = mr_arena_new();
        mr_config other = config;
        other.http.listen = "";
        if (both)
            other.http.probe_listen = "";
        assert_int_equal(mr_http_start(&other, metrics, board, &none, own, &second, &error), MR_OK);
        assert_int_equal(mr_http_port(second), 0);
        if (both)
            assert_int_equal(mr_http_probe_port(second), 0);
        else
            assert_int_equal(ask(mr_http_probe_port(second), "GET", "/startupz", ""), 200);
        mr_http_stop(second);
        mr_arena_free(own);
    }
}

static void test_process(void **unused)
{
    (void)unused;
    mr_process_gauges gauges = {0}, again;
    mr_process_read(&gauges);
    assert_true(gauges.cpu_us >= 0 && gauges.resident_bytes > 100000 &&
                gauges.virtual_bytes >= gauges.resident_bytes);
    assert_true(gauges.open_fds >= 3 && gauges.max_fds >= gauges.open_fds);
    int64_t age_ms = mr_clock_wall_ms() - gauges.start_ms;
    assert_in_range(age_ms + 1000, 0, 3600000);
    again = gauges;
    int fd = dup(0);
    mr_process_read(&again);
    close(fd);
    assert_int_equal(again.open_fds, gauges.open_fds + 1);
    assert_int_equal(again.start_ms, gauges.start_ms);
    assert_int_equal(ask(mr_http_port(http), "GET", "/metrics", ""), 200);
    assert_true(has("\nprocess_cpu_seconds_total ") && has("\nprocess_resident_memory_bytes ") &&
                has("\nprocess_virtual_memory_bytes ") && has("\nprocess_open_fds ") &&
                has("\nprocess_max_fds ") && has("\nprocess_start_time_seconds "));
}

static void test_probes(void **unused)
{
    (void)unused;
    uint16_t port = mr_http_probe_port(http);
    assert_int_equal(ask(port, "GET", "/livez", ""), 200);
    assert_string_equal(body(), "ok\n");
    assert_int_equal(ask(port, "GET", "/readyz", ""), 200);
    assert_int_equal(ask(port, "GET", "/startupz", ""), 200);
    static const char *const verbose[] = {"/readyz?verbose", "/readyz?verbose=1", "/readyz?a=b&verbose"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(ask(port, "GET", verbose[i], ""), 200);
        assert_string_equal(body(),
                            "[+]configuration ok\n[+]brokers ok: heard 1 s ago\nreadyz check passed\n");
    }
    atomic_store(&broker_well, false);
    assert_int_equal(ask(port, "GET", "/readyz", ""), 503);
    assert_string_equal(body(),
                        "[+]configuration ok\n[-]brokers failed: no answer for 60 s\nreadyz check failed\n");
    assert_int_equal(ask(port, "GET", "/livez", ""), 200);
    assert_int_equal(ask(port, "HEAD", "/readyz", ""), 503);
    assert_string_equal(body(), "");
}

static void test_refusals(void **unused)
{
    (void)unused;
    uint16_t port = mr_http_port(http), probe_port = mr_http_probe_port(http);
    assert_int_equal(ask(port, "GET", "/nothing", ""), 404);
    assert_true(has("/metrics, /status, /; probes") && has("http.probe_listen"));
    assert_int_equal(ask(port, "GET", "/livez", ""), 404);
    assert_int_equal(ask(port, "GET", "/metrics/", ""), 404);
    assert_int_equal(ask(probe_port, "GET", "/metrics", ""), 404);
    assert_true(has("/livez, /readyz, /startupz"));
    assert_int_equal(ask(port, "HEAD", "/metrics", ""), 200);
    assert_string_equal(body(), "");
    assert_int_equal(ask(port, "POST", "/metrics", "Content-Length: 0\r\n"), 405);
    assert_true(has("Allow: GET, HEAD"));
    assert_int_equal(ask(port, "POST", "/metrics", "Content-Length: 1000000\r\n"), 405);
    assert_int_equal(ask(port, "DELETE", "/livez", ""), 405);
    assert_int_equal(ask(port, "OPTIONS", "*", ""), 405);
}

/* The page outgrows what was set aside for it. */
static void test_large_page(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 2000; i++)
        mr_metrics_partition_open(metrics, i, "a-topic-with-a-name-of-some-length", (int32_t)i);
    assert_int_equal(ask(mr_http_port(http), "GET", "/metrics", "Accept: application/openmetrics-text\r\n"),
                     200);
    assert_true(
        has("millrace_partition_held{topic=\"a-topic-with-a-name-of-some-length\",partition=\"1999\"} 0\n"));
    assert_true(has("# EOF\n"));
}

static void test_addresses(void **unused)
{
    (void)unused;
    static const char *const good[] = {"127.0.0.1:0", "0.0.0.0:0", "[::]:0", ":0", "localhost:0"};
    static const char *const bad[] = {
        "",         "7780",      "127.0.0.1",     "127.0.0.1:",      "127.0.0.1:x",
        "::1:7780", "[::1]7780", "[127.0.0.1]:0", "127.0.0.1:65536", "127.0.0.1:-1",
        "host:1:2", "[::",       "[]:1",          "192.0.2.1:0",     "127.0.0.1:80 "};
    mr_error error;
    uint16_t port;
    int fd;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (mr_http_listen("http.listen", good[i], &fd, &port, &error) != MR_OK)
            fail_msg("%s: %s", good[i], error.text);
        assert_int_not_equal(port, 0);
        close(dial(port));
        close(fd);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(mr_http_listen("http.listen", bad[i], &fd, &port, &error), MR_CONFIG);
        assert_int_equal(strncmp(error.text, "http.listen: ", 13), 0);
        assert_non_null(strstr(error.text + 13, ": "));
        assert_int_equal(fd, -1);
    }
}

static void test_port_taken(void **unused)
{
    (void)unused;
    char address[32];
    mr_error error;
    mr_http *second = NULL;
    mr_arena *own = mr_arena_new();
    mr_config other = config;
    mr_probes none = {.live = NULL};
    snprintf(address, sizeof address, "127.0.0.1:%u", mr_http_port(http));
    other.http.probe_listen = address; /* the first one starts, and is stopped again */
    assert_int_equal(mr_http_start(&other, metrics, board, &none, own, &second, &error), MR_UNAVAILABLE);
    assert_null(second);
    assert_non_null(strstr(error.text, "http.probe_listen: another program listens on 127.0.0.1:"));
    mr_arena_free(own);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_metrics),   TEST(test_status),    TEST(test_process),
                                       TEST(test_page),      TEST(test_no_page),   TEST(test_none),
                                       TEST(test_probes),    TEST(test_refusals),  TEST(test_large_page),
                                       TEST(test_addresses), TEST(test_port_taken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
