/* The equation of the counters: every term counts, on its side; and when a difference is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "stages/ledger.h"
#include "stages/reason.h"

static mr_stream streams[] = {{.name = "a"}, {.name = "b"}};
static mr_shard shards[] = {{.name = "s0"}, {.name = "s1"}, {.name = "s2"}};
static uint16_t slot_shard[3] = {0, 1, 2};
static const mr_config config = {.streams = streams,
                                 .stream_count = 2,
                                 .shards = shards,
                                 .shard_count = 3,
                                 .slots = 3,
                                 .slot_shard = slot_shard};
static mr_arena *arena;
static mr_metrics *metrics;
static mr_ledger_watch watch;

static int set_up(void **unused)
{
    (void)unused;
    arena = mr_arena_new();
    metrics = mr_metrics_new(&config, arena, 8);
    watch = (mr_ledger_watch){0};
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    mr_arena_free(arena);
    return 0;
}

static bool look(void)
{
    return mr_ledger_look(&watch, metrics);
}

/* Nothing moves, but not yet for long enough. */
static void still(void)
{
    for (uint32_t i = 0; i < MR_LEDGER_SAME; i++)
        assert_false(look());
}

static void test_every_term(void **unused)
{
    (void)unused;
    static const struct {
        mr_metric_id id;
        uint32_t a, b;
        int side;
    } terms[] = {
        {MR_M_MESSAGES_CONSUMED, 0, 0, 1},
        {MR_M_MESSAGES_CONSUMED, 1, 0, 1},
        {MR_M_REPLAY_READ, 0, 0, 1},
        {MR_M_REPLAY_READ, 1, 0, 1},
        {MR_M_ROWS_WRITTEN, 0, 0, -1},
        {MR_M_ROWS_WRITTEN, 1, 2, -1},
        {MR_M_DEAD_LETTERS, 0, 1, -1},
        {MR_M_DEAD_LETTERS, 1, MR_REASON_COUNT - 1, -1},
        {MR_M_FILTERED, 1, 0, -1},
        {MR_M_SKIPPED_PARKED, 0, 0, -1},
        {MR_M_SKIPPED_PARKED, 2, 0, -1},
        {MR_M_RELEASED, MR_RELEASED_EPOCH, 0, -1},
        {MR_M_RELEASED, MR_RELEASED_PARKED, 0, -1},
        {MR_M_IN_FLIGHT, 0, 0, -1},
        {MR_M_ROWS_EXISTING, 0, 0, 0},
        {MR_M_BYTES_CONSUMED, 0, 0, 0},
        {MR_M_PARKED_OFFSETS, 0, 0, 0},
        {MR_M_REPLAY_OFFSETS, 0, 0, 0},
        {MR_M_LOST_OFFSETS, 1, 0, 0},
        {MR_M_DLQ_THROTTLED, 0, 0, 0},
    };
    mr_ledger ledger;
    int64_t difference = 0;
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) {
        uint64_t delta = 1u << i;
        mr_metric_add(metrics, terms[i].id, terms[i].a, terms[i].b, delta);
        difference += terms[i].side * (int64_t)delta;
        assert_int_equal(mr_ledger_check(metrics, &ledger), difference == 0);
        if ((int64_t)(ledger.in - ledger.out) != difference)
            fail_msg("term %zu does not count on its side", i);
    }
    assert_int_equal(ledger.consumed, 1 | 2);
    assert_int_equal(ledger.replay_read, 4 | 8);
    assert_int_equal(ledger.skipped_parked, 512 | 1024);
}

static void test_balanced(void **unused)
{
    (void)unused;
    mr_ledger ledger;
    assert_true(mr_ledger_check(metrics, &ledger)); /* nothing has come yet */
    mr_metric_add(metrics, MR_M_MESSAGES_CONSUMED, 0, 0, 100);
    mr_metric_add(metrics, MR_M_IN_FLIGHT, 0, 0, 100);
    assert_true(mr_ledger_check(metrics, &ledger));
    mr_metric_add(metrics, MR_M_ROWS_WRITTEN, 0, 1, 90);
    mr_metric_add(metrics, MR_M_DEAD_LETTERS, 0, 3, 7);
    mr_metric_add(metrics, MR_M_IN_FLIGHT, 0, 0, (uint64_t)-97); /* how a gauge is lowered */
    assert_true(mr_ledger_check(metrics, &ledger));
    assert_int_equal(ledger.in_flight, 3);
    assert_int_equal(ledger.in, 100);
    assert_int_equal(ledger.out, 100);
}

/* A shard goes down with events under way, the following ones are skipped, and both come back by its replay. */
static void test_parked_and_replayed(void **unused)
{
    (void)unused;
    mr_ledger ledger;
    mr_metric_add(metrics, MR_M_MESSAGES_CONSUMED, 0, 0, 50);
    mr_metric_add(metrics, MR_M_RELEASED, MR_RELEASED_PARKED, 0, 20);
    mr_metric_add(metrics, MR_M_SKIPPED_PARKED, 1, 0, 30);
    assert_true(mr_ledger_check(metrics, &ledger));
    mr_metric_add(metrics, MR_M_REPLAY_READ, 0, 0, 50);
    assert_false(mr_ledger_check(metrics, &ledger));
    mr_metric_add(metrics, MR_M_ROWS_WRITTEN, 0, 1, 49);
    mr_metric_add(metrics, MR_M_DEAD_LETTERS, 0, 3, 1);
    assert_true(mr_ledger_check(metrics, &ledger));
    assert_int_equal(ledger.in, 100);
    assert_int_equal(ledger.out, 100);
}

/* In the middle of work the sides differ, and nothing is said. */
static void test_moving(void **unused)
{
    (void)unused;
    for (int i = 0; i < 100; i++) {
        mr_metric_add(metrics, MR_M_MESSAGES_CONSUMED, 0, 0, 1);
        assert_false(look());
        if (i % 2)
            assert_false(look());
    }
}

static void test_said_once(void **unused)
{
    (void)unused;
    mr_metric_add(metrics, MR_M_MESSAGES_CONSUMED, 0, 0, 10);
    still();
    assert_true(look());
    still();
    still();
    /* Work goes on, the same difference stays: known. */
    mr_metric_add(metrics, MR_M_MESSAGES_CONSUMED, 0, 0, 5);
    mr_metric_add(metrics, MR_M_ROWS_WRITTEN, 0, 0, 5);
    still();
    assert_false(look());
    /* Another difference is news, on either side. */
    mr_metric_add(metrics, MR_M_ROWS_WRITTEN, 0, 0, 20);
    still();
    assert_true(look());
    assert_false(look());
    /* Gone, and the old one again. */
    mr_metric_add(metrics, MR_M_MESSAGES_CONSUMED, 0, 0, 10);
    still();
    assert_false(look());
    mr_metric_add(metrics, MR_M_ROWS_WRITTEN, 0, 0, 10);
    still();
    assert_true(look());
}

static void test_log_line(void **unused)
{
    (void)unused;
    char text[2048];
    int ends[2], real = dup(STDERR_FILENO);
    mr_metric_add(metrics, MR_M_MESSAGES_CONSUMED, 0, 0, 10);
    mr_metric_add(metrics, MR_M_REPLAY_READ, 0, 0, 7);
    mr_metric_add(metrics, MR_M_ROWS_WRITTEN, 0, 0, 12);
    mr_metric_add(metrics, MR_M_SKIPPED_PARKED, 0, 0, 6);
    mr_metric_add(metrics, MR_M_RELEASED, MR_RELEASED_PARKED, 0, 1);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    still();
    look();
    dup2(real, STDERR_FILENO);
    close(real);
    close(ends[1]);
    ssize_t len = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    assert_true(len > 0);
    text[len] = 0;
    assert_non_null(strstr(text, "counters_disagree"));
    assert_non_null(strstr(text, "differ by -2: consumed 10, replay read 7, but written 12, "));
    assert_non_null(strstr(text, "skipped as parked 6, released 1, in flight 0: "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_term), TEST(test_balanced),  TEST(test_parked_and_replayed),
        TEST(test_moving),     TEST(test_said_once), TEST(test_log_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
