/* Metrics: counting, and the text in both formats; promtool judges it where it is installed. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fake_log.h"
#include "stages/dberror.h"
#include "stages/metrics.h"
#include "stages/reason.h"

static mr_stream streams[] = {{.name = "events"}, {.name = "quo\"te\\d\nstream"}};
static mr_shard shards[] = {{.name = "s0"}, {.name = "s1"}, {.name = "s2"}};
static uint16_t slot_shard[6] = {0, 0, 1, 1, 2, 2};
static const mr_config config = {.streams = streams,
                                 .stream_count = 2,
                                 .shards = shards,
                                 .shard_count = 3,
                                 .slots = 6,
                                 .slot_shard = slot_shard};
static mr_arena *arena;
static mr_metrics *metrics;
static char memory[1 << 20];

static int set_up(void **unused)
{
    (void)unused;
    arena = mr_arena_new();
    metrics = mr_metrics_new(&config, arena, 8);
    return metrics ? 0 : 1;
}

static int tear_down(void **unused)
{
    (void)unused;
    mr_arena_free(arena);
    return 0;
}

static const char *rendered(bool openmetrics)
{
    mr_buf buf = mr_buf_over(memory, sizeof memory);
    assert_true(mr_metrics_render(metrics, openmetrics, &buf));
    assert_int_equal(strlen(memory), buf.len);
    return memory;
}

/* A whole line of the page. */
static bool has_line(const char *page, const char *line)
{
    size_t len = strlen(line);
    for (const char *at = page; (at = strstr(at, line)); at++)
        if ((at == page || at[-1] == '\n') && at[len] == '\n')
            return true;
    return false;
}

#define ASSERT_LINE(page, line)                                                                              \
    do {                                                                                                     \
        if (!has_line(page, line))                                                                           \
            fail_msg("missing: %s\nin:\n%s", line, page);                                                    \
    } while (0)

static void test_zeros(void **unused)
{
    (void)unused;
    const char *page = rendered(false);
    ASSERT_LINE(page, "# TYPE millrace_messages_consumed_total counter");
    ASSERT_LINE(page, "millrace_messages_consumed_total{stream=\"events\"} 0");
    ASSERT_LINE(page, "millrace_rows_written_total{stream=\"events\",shard=\"s2\"} 0");
    ASSERT_LINE(page, "millrace_dead_letters_total{stream=\"events\",reason=\"json_syntax\"} 0");
    ASSERT_LINE(page, "millrace_released_total{reason=\"epoch_over\"} 0");
    ASSERT_LINE(page, "millrace_retries_total{shard=\"s0\",class=\"transient\"} 0");
    ASSERT_LINE(page, "millrace_shard_state{shard=\"s1\",state=\"retrying\"} 0");
    ASSERT_LINE(page, "millrace_parked_age_seconds{shard=\"s2\"} 0");
    ASSERT_LINE(page, "millrace_backpressure_seconds_total{cause=\"pool\"} 0");
    ASSERT_LINE(page, "millrace_event_age_seconds_count{stream=\"events\",path=\"live\"} 0");
    ASSERT_LINE(page, "millrace_rebalances_total 0");
    assert_null(strstr(page, "reason=\"none\""));
    assert_null(strstr(page, "millrace_db_errors_total{"));
    assert_null(strstr(page, "millrace_partition_lag{"));
    assert_null(strstr(page, "# EOF"));
}

static void test_counting(void **unused)
{
    (void)unused;
    mr_metric_add(metrics, MR_M_ROWS_WRITTEN, 0, 2, 5);
    mr_metric_add(metrics, MR_M_ROWS_WRITTEN, 0, 2, 6);
    mr_metric_add(metrics, MR_M_ROWS_WRITTEN, 1, 0, UINT64_C(9007199254740993));
    mr_metric_set(metrics, MR_M_MEMORY_LIMIT, 0, 0, 1 << 30);
    mr_metric_add(metrics, MR_M_WRITER_BUSY, 1, 0, 1500000);
    mr_metric_add(metrics, MR_M_BACKPRESSURE, MR_CAUSE_DLQ, 0, 1);
    mr_metric_add(metrics, MR_M_IN_FLIGHT, 0, 0, (uint64_t)-3);
    mr_metric_add(metrics, MR_M_POOL_USED, 0, 0, 7);
    mr_metric_add(metrics, MR_M_POOL_USED, 0, 0, (uint64_t)-3);
    assert_int_equal(mr_metric_get(metrics, MR_M_ROWS_WRITTEN, 0, 2), 11);
    assert_int_equal(mr_metric_get(metrics, MR_M_ROWS_WRITTEN, 0, 1), 0);
    const char *page = rendered(false);
    ASSERT_LINE(page, "millrace_rows_written_total{stream=\"events\",shard=\"s2\"} 11");
    ASSERT_LINE(
        page,
        "millrace_rows_written_total{stream=\"quo\\\"te\\\\d\\nstream\",shard=\"s0\"} 9007199254740993");
    ASSERT_LINE(page, "millrace_memory_limit_bytes 1073741824");
    ASSERT_LINE(page, "millrace_writer_busy_seconds_total{shard=\"s1\"} 1.5");
    ASSERT_LINE(page, "millrace_backpressure_seconds_total{cause=\"dlq\"} 0.000001");
    ASSERT_LINE(page, "millrace_in_flight_records 0");
    ASSERT_LINE(page, "millrace_pool_used_records 4");
}

/* What parking, replay, the dead letters' budget and the watchdog count: a cell of each and how it reads. */
static const struct {
    mr_metric_id id;
    uint32_t a, b;
    uint64_t value;
    const char *line;
    const char *family, *type; /* as Prometheus says it; OpenMetrics leaves a counter's _total out */
} parking[] = {
    {MR_M_REPLAY_READ, 0, 0, 3, "millrace_replay_read_total{stream=\"events\"} 3",
     "millrace_replay_read_total", "counter"},
    {MR_M_RELEASED, MR_RELEASED_EPOCH, 0, 4, "millrace_released_total{reason=\"epoch_over\"} 4",
     "millrace_released_total", "counter"},
    {MR_M_RELEASED, MR_RELEASED_PARKED, 0, 5, "millrace_released_total{reason=\"parked\"} 5",
     "millrace_released_total", "counter"},
    {MR_M_SKIPPED_PARKED, 2, 0, 6, "millrace_skipped_parked_total{shard=\"s2\"} 6",
     "millrace_skipped_parked_total", "counter"},
    {MR_M_PARKED_OFFSETS, 1, 0, 7, "millrace_parked_offsets{shard=\"s1\"} 7", "millrace_parked_offsets",
     "gauge"},
    {MR_M_PARKED_AGE, 0, 0, 8250, "millrace_parked_age_seconds{shard=\"s0\"} 8.25",
     "millrace_parked_age_seconds", "gauge"},
    {MR_M_RETENTION_REMAINING, 2, 0, 9, "millrace_parked_retention_remaining_seconds{shard=\"s2\"} 9",
     "millrace_parked_retention_remaining_seconds", "gauge"},
    {MR_M_REPLAY_OFFSETS, 1, 0, 10, "millrace_replay_offsets_total{shard=\"s1\"} 10",
     "millrace_replay_offsets_total", "counter"},
    {MR_M_LOST_OFFSETS, 0, 0, 11, "millrace_lost_offsets_total{shard=\"s0\"} 11",
     "millrace_lost_offsets_total", "counter"},
    {MR_M_DLQ_THROTTLED, 0, 0, 12, "millrace_dlq_throttled_total 12", "millrace_dlq_throttled_total",
     "counter"},
    {MR_M_WATCHDOG_STALLS, 0, 0, 13, "millrace_watchdog_stalls_total 13", "millrace_watchdog_stalls_total",
     "counter"},
    {MR_M_BACKPRESSURE, MR_CAUSE_SHARDS, 0, 1400000,
     "millrace_backpressure_seconds_total{cause=\"shards\"} 1.4", "millrace_backpressure_seconds_total",
     "counter"},
};
#define PARKING (sizeof parking / sizeof *parking)

static void test_parking(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < PARKING; i++)
        mr_metric_set(metrics, parking[i].id, parking[i].a, parking[i].b, parking[i].value);
    for (int openmetrics = 0; openmetrics < 2; openmetrics++) {
        const char *page = rendered(openmetrics);
        for (size_t i = 0; i < PARKING; i++) {
            char line[160];
            size_t len = strlen(parking[i].family);
            if (openmetrics && strcmp(parking[i].type, "counter") == 0)
                len -= strlen("_total");
            snprintf(line, sizeof line, "# TYPE %.*s %s", (int)len, parking[i].family, parking[i].type);
            ASSERT_LINE(page, line);
            ASSERT_LINE(page, parking[i].line);
        }
    }
}

static void test_absent(void **unused)
{
    (void)unused;
    static const char name[] = "\nmillrace_parked_retention_remaining_seconds{";
    ASSERT_LINE(rendered(false), "# TYPE millrace_parked_retention_remaining_seconds gauge");
    assert_null(strstr(rendered(false), name));
    assert_null(strstr(rendered(true), name));
    assert_int_equal(mr_metric_get(metrics, MR_M_RETENTION_REMAINING, 1, 0), 0);

    mr_metric_set(metrics, MR_M_RETENTION_REMAINING, 1, 0, 0); /* known: any moment now */
    ASSERT_LINE(rendered(false), "millrace_parked_retention_remaining_seconds{shard=\"s1\"} 0");
    mr_metric_set(metrics, MR_M_RETENTION_REMAINING, 1, 0, 86400);
    ASSERT_LINE(rendered(true), "millrace_parked_retention_remaining_seconds{shard=\"s1\"} 86400");
    assert_null(strstr(rendered(true), "millrace_parked_retention_remaining_seconds{shard=\"s0\"}"));
    assert_null(strstr(rendered(true), "millrace_parked_retention_remaining_seconds{shard=\"s2\"}"));
    assert_int_equal(mr_metric_get(metrics, MR_M_RETENTION_REMAINING, 1, 0), 86400);

    mr_metric_absent(metrics, MR_M_RETENTION_REMAINING, 1, 0);
    assert_null(strstr(rendered(false), name));
    mr_metric_set(metrics, MR_M_PARKED_OFFSETS, 0, 0, 5); /* any gauge can be absent */
    mr_metric_absent(metrics, MR_M_PARKED_OFFSETS, 0, 0);
    assert_null(strstr(rendered(false), "millrace_parked_offsets{shard=\"s0\"}"));
    ASSERT_LINE(rendered(false), "millrace_parked_offsets{shard=\"s1\"} 0");
}

static void test_shard_states(void **unused)
{
    (void)unused;
    static const char *const wanted[] = {"live", "retrying", "parked", "replay", "held"};
    char line[128];
    assert_int_equal(MR_SHARD_STATE_COUNT, 5);
    for (uint32_t in = 0; in < MR_SHARD_STATE_COUNT; in++) {
        assert_string_equal(mr_shard_state_name((mr_shard_state)in), wanted[in]);
        for (uint32_t state = 0; state < MR_SHARD_STATE_COUNT; state++)
            mr_metric_set(metrics, MR_M_SHARD_STATE, 1, state, state == in);
        const char *page = rendered(false);
        for (uint32_t state = 0; state < MR_SHARD_STATE_COUNT; state++) {
            snprintf(line, sizeof line, "millrace_shard_state{shard=\"s1\",state=\"%s\"} %d", wanted[state],
                     state == in);
            ASSERT_LINE(page, line);
        }
    }
}

static void test_histograms(void **unused)
{
    (void)unused;
    mr_metric_observe(metrics, MR_M_WRITE_DURATION, 0, 0, 100, 1); /* a bound belongs to its bucket */
    mr_metric_observe(metrics, MR_M_WRITE_DURATION, 0, 0, 101, 1);
    mr_metric_observe(metrics, MR_M_WRITE_DURATION, 0, 0, 60000001, 1);
    mr_metric_observe(metrics, MR_M_EVENT_AGE, 0, 0, 60000, 10);
    mr_metric_observe(metrics, MR_M_EVENT_AGE, 0, 0, 60001, 5);
    mr_metric_observe(metrics, MR_M_BATCH_ROWS, 2, 0, 5000, 1);
    assert_int_equal(mr_metric_get(metrics, MR_M_WRITE_DURATION, 0, 0), 3);
    assert_int_equal(mr_metric_sum(metrics, MR_M_WRITE_DURATION, 0, 0), 60000202);
    const char *page = rendered(false);
    ASSERT_LINE(page, "millrace_write_duration_seconds_bucket{shard=\"s0\",le=\"0.0001\"} 1");
    ASSERT_LINE(page, "millrace_write_duration_seconds_bucket{shard=\"s0\",le=\"0.00025\"} 2");
    ASSERT_LINE(page, "millrace_write_duration_seconds_bucket{shard=\"s0\",le=\"60.0\"} 2");
    ASSERT_LINE(page, "millrace_write_duration_seconds_bucket{shard=\"s0\",le=\"+Inf\"} 3");
    ASSERT_LINE(page, "millrace_write_duration_seconds_sum{shard=\"s0\"} 60.000202");
    ASSERT_LINE(page, "millrace_write_duration_seconds_count{shard=\"s0\"} 3");
    ASSERT_LINE(page, "millrace_event_age_seconds_bucket{stream=\"events\",path=\"live\",le=\"30.0\"} 0");
    ASSERT_LINE(page, "millrace_event_age_seconds_bucket{stream=\"events\",path=\"live\",le=\"60.0\"} 10");
    ASSERT_LINE(page, "millrace_event_age_seconds_bucket{stream=\"events\",path=\"live\",le=\"120.0\"} 15");
    ASSERT_LINE(page, "millrace_event_age_seconds_sum{stream=\"events\",path=\"live\"} 900.005");
    ASSERT_LINE(page, "millrace_batch_rows_bucket{shard=\"s2\",le=\"5000.0\"} 1");
    ASSERT_LINE(page, "millrace_batch_rows_bucket{shard=\"s2\",le=\"2000.0\"} 0");
    ASSERT_LINE(page, "millrace_batch_rows_sum{shard=\"s2\"} 5000");
}

static void test_db_errors(void **unused)
{
    (void)unused;
    mr_metric_db_error(metrics, 1, MR_DB_TRANSIENT, 1213);
    mr_metric_db_error(metrics, 1, MR_DB_TRANSIENT, 1213);
    mr_metric_db_error(metrics, 1, MR_DB_AMBIGUOUS, 1213); /* at COMMIT the same code means something else */
    const char *page = rendered(false);
    ASSERT_LINE(page, "millrace_db_errors_total{shard=\"s1\",class=\"transient\",code=\"1213\"} 2");
    ASSERT_LINE(page, "millrace_db_errors_total{shard=\"s1\",class=\"ambiguous\",code=\"1213\"} 1");
    assert_null(strstr(page, "code=\"other\""));
    for (unsigned code = 1; code <= 1000; code++)
        mr_metric_db_error(metrics, 1, MR_DB_UNKNOWN, code);
    assert_int_equal(mr_metric_get(metrics, MR_M_DB_ERRORS, 1, MR_DB_UNKNOWN), 1000);
    assert_int_equal(mr_metric_get(metrics, MR_M_DB_ERRORS, 1, MR_DB_TRANSIENT), 2);
    assert_int_equal(mr_metric_get(metrics, MR_M_DB_ERRORS, 0, MR_DB_UNKNOWN), 0);
    page = rendered(false);
    ASSERT_LINE(page, "millrace_db_errors_total{shard=\"s1\",class=\"unknown\",code=\"1\"} 1");
    ASSERT_LINE(page, "millrace_db_errors_total{shard=\"s1\",class=\"unknown\",code=\"other\"} 746");
}

static void test_partitions(void **unused)
{
    (void)unused;
    mr_metrics_topic(metrics, "t", 12);
    mr_metrics_partition_open(metrics, 3, "t", 7);
    mr_metrics_partition_open(metrics, 0, "t", 8);
    mr_metrics_partition_open(metrics, 1, "new", 0); /* not in the metadata yet */
    mr_metrics_partition_set(metrics, 3,
                             &(mr_partition_gauges){.committed = 100,
                                                    .frontier = 110,
                                                    .end = 150,
                                                    .frontier_moved_ms = mr_clock_ms() - 5000,
                                                    .last_commit_wall_ms = 1764000000250,
                                                    .held = 1});
    const char *page = rendered(false);
    ASSERT_LINE(page, "millrace_partition_held{topic=\"t\",partition=\"7\"} 1");
    ASSERT_LINE(page, "millrace_partition_held{topic=\"t\",partition=\"8\"} 0");
    ASSERT_LINE(page, "millrace_partition_lag{topic=\"t\",partition=\"7\"} 50");
    ASSERT_LINE(page, "millrace_committed_offset{topic=\"t\",partition=\"7\"} 100");
    ASSERT_LINE(page, "millrace_frontier_offset{topic=\"t\",partition=\"7\"} 110");
    ASSERT_LINE(page, "millrace_last_commit_timestamp_seconds{topic=\"t\",partition=\"7\"} 1764000000.25");
    ASSERT_LINE(page, "millrace_frontier_age_seconds{topic=\"t\",partition=\"8\"} 0");
    assert_non_null(strstr(page, "millrace_frontier_age_seconds{topic=\"t\",partition=\"7\"} 5"));
    assert_null(
        strstr(page, "millrace_partition_lag{topic=\"t\",partition=\"8\"}")); /* nothing is known of it yet */
    ASSERT_LINE(page, "millrace_topic_partitions{topic=\"t\"} 12");
    ASSERT_LINE(page, "millrace_assigned_partitions{topic=\"t\"} 2");
    ASSERT_LINE(page, "millrace_assigned_partitions{topic=\"new\"} 1");
    assert_null(strstr(page, "millrace_topic_partitions{topic=\"new\"}"));

    mr_metrics_partition_close(metrics, 3);
    mr_metrics_partition_close(metrics, 1);
    page = rendered(false);
    assert_null(strstr(page, "partition=\"7\""));
    assert_null(strstr(page, "\"new\""));
    ASSERT_LINE(page, "millrace_assigned_partitions{topic=\"t\"} 1");
    mr_metrics_partition_open(metrics, 3, "t", 9);
    page = rendered(false);
    assert_null(strstr(
        page, "millrace_committed_offset{topic=\"t\",partition=\"9\"}")); /* nothing of slot 3's last life */
    ASSERT_LINE(page, "millrace_partition_held{topic=\"t\",partition=\"9\"} 0");
    mr_metrics_partition_close(metrics, 3);
    mr_metrics_partition_close(metrics, 0);
    ASSERT_LINE(rendered(false), "millrace_assigned_partitions{topic=\"t\"} 0");
    mr_metrics_topic(metrics, "t", 0);
    assert_null(strstr(rendered(false), "topic=\"t\""));
}

static void test_many_topics(void **unused)
{
    (void)unused;
    char name[16];
    for (int round = 0; round < 3; round++) { /* entries of topics that are gone are used again */
        for (int i = 0; i < 8; i++) {
            snprintf(name, sizeof name, "r%dt%d", round, i);
            mr_metrics_topic(metrics, name, 1);
        }
        mr_metrics_topic(metrics, "one-too-many", 1);
        assert_null(strstr(rendered(false), "one-too-many"));
        for (int i = 0; i < 8; i++) {
            snprintf(name, sizeof name, "r%dt%d", round, i);
            assert_non_null(strstr(rendered(false), name));
            mr_metrics_topic(metrics, name, 0);
        }
    }
    assert_null(strstr(rendered(false), "{topic="));
    assert_logged("metrics_full", "metrics tell 8 topics apart: this one and further ones are left out");
}

static void test_openmetrics(void **unused)
{
    (void)unused;
    mr_metrics_info(metrics, "2.0.2", "3.3.20", 255);
    mr_metrics_process(metrics, &(mr_process_gauges){1500000, 1 << 20, -1, 12, 1024, 1764000000250});
    const char *page = rendered(true);
    ASSERT_LINE(page, "# TYPE millrace_messages_consumed counter");
    ASSERT_LINE(page, "millrace_messages_consumed_total{stream=\"events\"} 0");
    ASSERT_LINE(page, "# TYPE millrace_build info");
    ASSERT_LINE(page, "# TYPE process_cpu_seconds counter");
    ASSERT_LINE(page, "process_cpu_seconds_total 1.5");
    ASSERT_LINE(page, "process_start_time_seconds 1764000000.25");
    ASSERT_LINE(page, "process_open_fds 12");
    assert_null(strstr(page, "process_virtual_memory_bytes"));
    assert_non_null(strstr(page, "\nmillrace_build_info{version=\"" MILLRACE_VERSION
                                 "\",librdkafka=\"2.0.2\",mariadb_connector=\"3.3.20\"} 1\n"));
    assert_non_null(strstr(page, ",file=\"00000000000000ff\"} 1\n"));
    assert_string_equal(page + strlen(page) - 6, "# EOF\n");
    page = rendered(false);
    ASSERT_LINE(page, "# TYPE millrace_build_info gauge");
    ASSERT_LINE(page, "# TYPE process_cpu_seconds_total counter");
}

static void test_too_small(void **unused)
{
    (void)unused;
    mr_buf whole = mr_buf_over(memory, sizeof memory);
    assert_true(mr_metrics_render(metrics, true, &whole));
    size_t len = whole.len;
    for (size_t cap = 1; cap <= len; cap += 97) {
        mr_buf buf = mr_buf_over(memory, cap);
        assert_false(mr_metrics_render(metrics, true, &buf));
    }
}

/* Every sample belongs to the family announced last, and no family is announced twice. */
static void test_families_stay_together(void **unused)
{
    (void)unused;
    mr_metrics_partition_open(metrics, 0, "t", 0);
    char *page = strdup(rendered(true)), *rest = page, family[128] = "", *seen = calloc(1, sizeof memory);
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (sscanf(line, "# TYPE %127s", family) == 1) {
            char mark[160];
            snprintf(mark, sizeof mark, "<%s>", family);
            assert_null(strstr(seen, mark));
            strcat(seen, mark);
        } else if (*line && *line != '#' && strncmp(line, family, strlen(family)) != 0) {
            fail_msg("%s is below %s", line, family);
        }
    }
    free(page);
    free(seen);
}

static void test_promtool(void **unused)
{
    (void)unused;
    if (system("command -v promtool >/dev/null 2>&1") != 0) {
        print_message("promtool is not installed\n");
        skip();
    }
    mr_metrics_info(metrics, "2.0.2", "3.3.20", 1);
    mr_metrics_process(metrics, &(mr_process_gauges){1, 2, 3, 4, 5, 6});
    mr_metrics_topic(metrics, "t", 1);
    mr_metrics_partition_open(metrics, 0, "t", 0);
    mr_metrics_partition_set(metrics, 0,
                             &(mr_partition_gauges){.committed = 1, .end = 2, .last_commit_wall_ms = 3});
    mr_metric_db_error(metrics, 0, MR_DB_UNKNOWN, 1);
    mr_metric_observe(metrics, MR_M_EVENT_AGE, 0, 0, 7, 3);
    mr_metric_set(metrics, MR_M_RETENTION_REMAINING, 0, 0, 60);
    FILE *judge = popen("promtool check metrics", "w");
    assert_non_null(judge);
    fputs(rendered(false), judge);
    int status = pclose(judge);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void *count(void *unused)
{
    for (unsigned i = 0; i < 20000; i++) {
        mr_metric_add(metrics, MR_M_MESSAGES_CONSUMED, 0, 0, 1);
        mr_metric_observe(metrics, MR_M_BATCH_ROWS, 0, 0, i, 1);
        mr_metric_db_error(metrics, 0, MR_DB_UNKNOWN, i % 300);
    }
    return unused;
}

static void test_threads(void **unused)
{
    (void)unused;
    pthread_t thread[4];
    for (size_t i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, count, NULL);
    for (unsigned i = 0; i < 20; i++) {
        mr_metrics_partition_open(metrics, 0, "t", 0);
        rendered(true);
        mr_metrics_partition_close(metrics, 0);
    }
    for (size_t i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(mr_metric_get(metrics, MR_M_MESSAGES_CONSUMED, 0, 0), 80000);
    assert_int_equal(mr_metric_get(metrics, MR_M_BATCH_ROWS, 0, 0), 80000);
    assert_int_equal(mr_metric_get(metrics, MR_M_DB_ERRORS, 0, MR_DB_UNKNOWN), 80000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_zeros),       TEST(test_counting),     TEST(test_parking),
        TEST(test_absent),      TEST(test_shard_states), TEST(test_histograms),
        TEST(test_db_errors),   TEST(test_partitions),   TEST(test_many_topics),
        TEST(test_openmetrics), TEST(test_too_small),    TEST(test_families_stay_together),
        TEST(test_promtool),    TEST(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
