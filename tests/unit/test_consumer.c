/* A consumer thread in histories of a few steps, each of which would lose or double an event if one rule of it were missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer_world.h"
#include "fake_log.h"

static int set_up(void **state)
{
    (void)state;
    world_new(16, 8);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_free();
    return 0;
}

/* ---- the live flow ---- */

static void test_frontier(void **state)
{
    (void)state;
    world_log("010--0");
    world_assign(BEGIN, NULL);
    world_rest();
    uint32_t first = world_take(0), second = world_take(1);
    assert_true(world_lowest() == 100 && world_seen(NULL).position == 106);
    world_give(first, MR_OUTCOME_DURABLE);
    assert_true(world_lowest() == 101);
    world_give(second, MR_OUTCOME_DURABLE);
    assert_true(world_lowest() == 106 && world_seen(NULL).quiet);
}

/* The log ends with what nobody is shown. */
static void test_end_of_partition(void **state)
{
    (void)state;
    world_log("0--");
    world_assign(BEGIN, NULL);
    world_write(0);
    assert_true(world_lowest() == 103);
}

/* Everything was taken, so a row waits for company no longer than batch.linger_ms. */
static void test_caught_up(void **state)
{
    (void)state;
    world_log("0");
    world_assign(BEGIN, NULL);
    world.now_ms += world.config->batch.linger_ms;
    world_turn();
    assert_int_equal(mr_ring_used(mr_flow_pages(&world.flow, 0, 0)), 1);
}

/* All pages are at a writer: the message in hand waits, and so does what follows it. */
static void test_pressure(void **state)
{
    (void)state;
    uint32_t handles[16], count = 0, handle;
    for (int i = 0; i < 40; i++)
        world_log("01010101");
    world_assign(BEGIN, NULL);
    for (int i = 0; i < 5; i++) {
        world_rest();
        for (uint32_t shard = 0; shard < SHARDS; shard++)
            while ((handle = world_take(shard)) != MR_PAGE_NONE)
                handles[count++] = handle;
    }
    assert_true(world_free_pages() == 0 && world_seen(NULL).position < world.high);
    while (count > 0)
        world_give(handles[--count], MR_OUTCOME_DURABLE);
    while (world_lowest() < world.high) {
        int64_t before = world_lowest();
        world_write(0);
        world_write(1);
        assert_true(world_lowest() > before);
    }
    for (int64_t offset = BEGIN; offset < world.high; offset++)
        assert_int_equal(world.rows[offset], 1);
}

/* ---- parking ---- */

/* c is the lowest that is not durable, not the one that was skipped; and what its writer has is not free. */
static void test_park(void **state)
{
    (void)state;
    mr_slot_range range;
    world_log("0110");
    world_assign(BEGIN, NULL);
    world_write(0);
    uint32_t handle = world_take(1), free_pages = world_free_pages();
    assert_true(world_lowest() == 101);
    world_gate(1, MR_GATE_PARKED);
    assert_int_equal(world_free_pages(), free_pages);
    assert_true(world_lowest() == 101);
    world_log("0101");
    world_write(0);
    range = world_range();
    assert_true(range.from == 101 && range.to == MR_RANGE_OPEN);
    assert_true(world_lowest() == 108);
    world_give(handle, MR_OUTCOME_PARKED);
    assert_int_equal(world_free_pages(), free_pages + 1);
    range = world_range();
    assert_true(range.from == 101 && range.to == MR_RANGE_OPEN);
}

/* A range has the time of the first row of the page that made it, then of the last page that is durable again. */
static void test_range_time(void **state)
{
    (void)state;
    enum { PAGE = 2 };
    world_free();
    world_new(8, PAGE);
    world_log("01111110");
    world_assign(BEGIN, NULL);
    world_write(0);
    uint32_t page[] = {world_take(1), world_take(1), world_take(1)};
    world_gate(1, MR_GATE_PARKED);
    for (int i = 0; i < 3; i++)
        world_give(page[i], MR_OUTCOME_PARKED);
    assert_true(world_range().from == 101 && world_range().timestamp_ms == world_time(101));
    world_gate(1, MR_GATE_LIVE);
    world_give(world_take(1), MR_OUTCOME_DURABLE);
    world_give(world_take(1), MR_OUTCOME_DURABLE);
    assert_true(world_range().from == 105 && world_range().timestamp_ms == world_time(103));
}

/* No shard takes rows: nothing is skipped, intake waits. */
static void test_nobody_live(void **state)
{
    (void)state;
    world_assign(BEGIN, NULL);
    world_gate(0, MR_GATE_PARKED);
    world_gate(1, MR_GATE_PARKED);
    world_log("0101");
    world_rest();
    assert_true(world_seen(NULL).position == BEGIN);
    world_gate(0, MR_GATE_LIVE);
    world_rest();
    assert_true(world_seen(NULL).position == 104);
    assert_true(world_range().from == 101);
}

/* ---- reading again ---- */

/* From the first that was skipped to the last before the live flow goes on, both included; each once. */
static void test_replay(void **state)
{
    (void)state;
    world_log("0");
    world_assign(BEGIN, NULL);
    world_gate(1, MR_GATE_PARKED);
    world_log("1010011");
    world_write(0);
    assert_true(world_lowest() == 108 && world_range().from == 101);
    world_gate(1, MR_GATE_LIVE);
    assert_true(world_range().from == 101 && world_range().to == 108);
    world_log("11");
    world_write(1);
    assert_true(world_range().to == 0 && world_lowest() == 110);
    for (int64_t offset = BEGIN; offset < world.high; offset++)
        assert_int_equal(world.rows[offset], 1);
    assert_false(world.again.running);
}

/* The last offsets of the range are aborted or control records. */
static void test_replay_ends_in_holes(void **state)
{
    (void)state;
    world_assign(BEGIN, NULL);
    world_gate(1, MR_GATE_PARKED);
    world_log("10---");
    world_write(0);
    assert_true(world_seen(NULL).position == 105);
    world_gate(1, MR_GATE_LIVE);
    assert_true(world_range().to == 105);
    world_write(1);
    assert_true(world_range().to == 0 && world.rows[100] == 1);
}

/* A start in the middle of a range that is being replayed: what is below j is the replay's alone. */
static void test_live_skips_range(void **state)
{
    (void)state;
    mr_slot_range range = {.from = 102, .to = 106, .timestamp_ms = -1};
    world_log("1111i111");
    world_assign(BEGIN + 3, &range);
    world_rest();
    world_acknowledge();
    world_write(1);
    assert_true(world_range().to == 0 && world_lowest() == 108);
    assert_int_equal(world.letters[104], 1);
    for (int64_t offset = 102; offset < 108; offset++)
        assert_int_equal(world.rows[offset], offset != 104);
}

/* The live flow begins below the range and is slower than the replay: what comes to it then may be a letter already. */
static void test_replay_overtakes(void **state)
{
    (void)state;
    mr_slot_range range = {.from = 102, .to = 106, .timestamp_ms = -1};
    world_log("1111i111");
    world.live.limit = BEGIN;
    world_assign(BEGIN, &range);
    world_rest();
    world_acknowledge();
    world_write(1);
    assert_true(world_range().to == 0 && world.letters[104] == 1);
    world.live.limit = OFFSETS;
    world_rest();
    world_acknowledge();
    world_write(1);
    assert_true(world_lowest() == 108 && world.letters[104] == 1);
}

/* Every event has one judge: broken ones the live flow, invalid ones whoever takes the shard's events. */
static void test_one_judge(void **state)
{
    (void)state;
    world_assign(BEGIN, NULL);
    world_gate(1, MR_GATE_PARKED);
    world_log("1bib1i0");
    world_write(0);
    assert_true(world.letters[101] == 1 && world.letters[103] == 1);
    assert_true(world.letters[102] == 0 && world.letters[105] == 0);
    world_acknowledge();
    world_gate(1, MR_GATE_LIVE);
    world_write(1);
    world_acknowledge();
    world_write(1);
    assert_true(world_range().to == 0 && world_lowest() == 107);
    for (int64_t offset = 100; offset < 107; offset++)
        assert_int_equal(world.letters[offset], world.kinds[offset] != ROW);
}

/* An invalid event is a letter already, and then its range begins below it. */
static void test_judged_before(void **state)
{
    (void)state;
    world_log("1i1");
    world_assign(BEGIN, NULL);
    world_rest();
    uint32_t handle = world_take(1);
    world_acknowledge();
    assert_true(world.letters[101] == 1 && world_lowest() == 100);
    world_gate(1, MR_GATE_PARKED);
    world_give(handle, MR_OUTCOME_PARKED);
    assert_true(world_range().from == 100);
    world_gate(1, MR_GATE_LIVE);
    world_write(1);
    assert_true(world_range().to == 0 && world.letters[101] == 1);
    assert_true(world.rows[100] == 2 && world.rows[102] == 2);
}

/* A probed shard is tried with one page; what was passed over meanwhile is read when it opens. */
static void test_trial(void **state)
{
    (void)state;
    mr_slot_range range = {.from = 100, .to = MR_RANGE_OPEN, .timestamp_ms = -1};
    world_log("1111111111111111111111110");
    world_gate(1, MR_GATE_PARKED);
    world_assign(125, &range);
    world_gate(1, MR_GATE_PROBED);
    world_rest();
    uint32_t handle = world_take(1);
    assert_true(handle != MR_PAGE_NONE);
    assert_int_equal(world_take(1), MR_PAGE_NONE);
    world_rest();
    assert_int_equal(world_take(1), MR_PAGE_NONE);
    world_gate(1, MR_GATE_LIVE);
    world_give(handle, MR_OUTCOME_DURABLE);
    world_write(1);
    assert_true(world_range().to == 0);
    for (int64_t offset = 100; offset < 124; offset++)
        assert_int_equal(world.rows[offset], 1);
}

/* A page of a replay that was given up comes back when the next one runs: it is none of that one's. */
static void test_late_page_of_earlier_replay(void **state)
{
    (void)state;
    mr_slot_range range = {.from = 100, .to = 108, .timestamp_ms = -1};
    world_log("11111111");
    world_assign(108, &range);
    world_rest();
    uint32_t late = world_take(1);
    assert_true(late != MR_PAGE_NONE);
    world_gate(1, MR_GATE_PARKED);
    world_log("10");
    world_write(0);
    world_gate(1, MR_GATE_LIVE);
    world_rest();
    uint32_t starts = world.starts;
    range = world_range();
    assert_true(range.from == 100 && range.to == 110);
    world_give(late, MR_OUTCOME_PARKED);
    assert_true(world_range().from == 100 && world_range().to == 110);
    world_write(1);
    assert_true(world_range().to == 0 && world.starts == starts);
}

/* ---- what the log has dropped ---- */

static void test_loss_is_counted(void **state)
{
    (void)state;
    mr_slot_range range = {.from = 100, .to = 110, .timestamp_ms = -1};
    world_log("1111111111");
    world.low = 104;
    world_assign(110, &range);
    world_write(1);
    assert_true(world_range().to == 0);
    assert_int_equal(mr_metric_get(world.flow.metrics, MR_M_LOST_OFFSETS, 1, 0), 4);
    assert_logged("replay_out_of_range", "broken here");
    assert_logged("offsets_lost", "the log has dropped offsets 100 to 104 of a parked range");
    for (int64_t offset = 100; offset < 110; offset++)
        assert_int_equal(world.rows[offset], offset >= 104);
}

/* The topic was made again and is shorter than the range. */
static void test_cut_is_counted(void **state)
{
    (void)state;
    mr_slot_range range = {.from = 100, .to = 130, .timestamp_ms = -1};
    world_log("11111");
    world_assign(105, &range);
    world_write(1);
    assert_true(world_range().to == 0);
    assert_int_equal(mr_metric_get(world.flow.metrics, MR_M_LOST_OFFSETS, 1, 0), 25);
}

/* An error in between is said, and nothing more: what comes after it is read. */
static void test_errors_are_said(void **state)
{
    (void)state;
    mr_slot_range range = {.from = 100, .to = 102, .timestamp_ms = -1};
    world_log("111");
    world.again.fails = true;
    world_assign(102, &range);
    world.live.fails = true;
    world_rest();
    assert_logged("partition_error", "broken here");
    assert_logged("replay_error", "broken here");
    world_write(1);
    assert_true(world_range().to == 0 && world_lowest() == 103);
    for (int64_t offset = 100; offset < 103; offset++)
        assert_int_equal(world.rows[offset], 1);
}

/* ---- rows that the database refuses ---- */

static void test_refused_row(void **state)
{
    (void)state;
    world_log("000");
    world_assign(BEGIN, NULL);
    world_rest();
    uint32_t handle = world_take(0);
    world_refuse(handle, 1);
    world.again.limit = 0; /* its bytes cannot be had yet */
    world_give(handle, MR_OUTCOME_DURABLE);
    world_rest();
    assert_true(world_lowest() == 101);
    world.again.limit = INT64_MAX;
    world_rest();
    assert_true(world.letters[101] == 1 && world_lowest() == 101);
    world_acknowledge();
    assert_true(world_lowest() == 103);
}

/* An open page with rows of two lives of the partition: the old one's verdict is not the new one's. */
static void test_refused_in_an_earlier_life(void **state)
{
    (void)state;
    world_log("00000000000");
    world.live.limit = 109;
    world_assign(108, NULL);
    world_close();
    world.live.limit = 103;
    world_assign(BEGIN, NULL);
    world_rest();
    uint32_t handle = world_take(0);
    assert_true(mr_pool_page(world.flow.pool, handle)->rows == 4);
    world_refuse(handle, 0); /* 108, of the earlier life */
    world_give(handle, MR_OUTCOME_DURABLE);
    world_rest();
    assert_true(world.letters[108] == 0 && world.starts == 0);
    assert_true(world_lowest() == 103);
}

/* More are refused than are kept: their page is not free until they have found a place. */
static void test_pinned(void **state)
{
    (void)state;
    enum { PAGE = 512, KEPT = 1024 };
    world_free();
    world_new(16, PAGE);
    char events[3 * PAGE + 1];
    memset(events, '0', sizeof events - 1);
    events[sizeof events - 1] = 0;
    world_log(events);
    world.again.limit = 0;
    world_assign(BEGIN, NULL);
    world_rest();
    for (int i = 0; i < 3; i++) {
        uint32_t handle = world_take(0);
        assert_true(handle != MR_PAGE_NONE);
        for (uint32_t row = 0; row < PAGE; row++)
            world_refuse(handle, row);
        uint32_t before = world_free_pages();
        world_give(handle, MR_OUTCOME_DURABLE);
        assert_int_equal(world_free_pages(), before + ((i + 1) * PAGE <= KEPT));
    }
    assert_true(world_lowest() == BEGIN);
    world.again.limit = INT64_MAX;
    for (int i = 0; i < 8; i++) {
        world_rest();
        world_acknowledge();
    }
    assert_int_equal(world_free_pages(), 16);
    assert_true(world_lowest() == world.high);
    for (int64_t offset = BEGIN; offset < world.high; offset++)
        assert_int_equal(world.letters[offset], 1);
}

/* Rows of the live flow have taken all places, and all pages of a replay below them are pinned for want of one: the pass goes on to those rows without the
 * replay, and comes back for it. */
static void test_pinned_below(void **state)
{
    (void)state;
    enum { PAGE = 512, KEPT = 1024, PAGES = 8, BELOW = 5 * PAGE };
    world_free();
    world_new(PAGES, PAGE);
    char events[BELOW + KEPT + 1] = "";
    memset(events, '1', BELOW);
    memset(events + BELOW, '0', KEPT);
    world_log(events);
    world.again.limit = 0;
    mr_slot_range range = {.from = BEGIN, .to = BEGIN + BELOW, .timestamp_ms = -1};
    world_assign(BEGIN + BELOW, &range);
    world_rest();
    for (uint32_t handle; (handle = world_take(0)) != MR_PAGE_NONE;) {
        for (uint32_t row = 0; row < PAGE; row++)
            world_refuse(handle, row);
        world_give(handle, MR_OUTCOME_DURABLE);
    }
    world.again.limit = INT64_MAX;
    for (int i = 0; i < 40; i++) {
        world_rest();
        for (uint32_t handle; (handle = world_take(1)) != MR_PAGE_NONE;) {
            world_refuse(handle, 0);
            world_give(handle, MR_OUTCOME_DURABLE);
        }
        world_acknowledge();
    }
    assert_true(world_range().to == 0 && world_lowest() == world.high);
    assert_int_equal(world_free_pages(), PAGES);
    for (int64_t offset = BEGIN; offset < world.high; offset++)
        assert_int_equal(world.letters[offset], offset >= BEGIN + BELOW || (offset - BEGIN) % PAGE == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_frontier),
        TEST(test_end_of_partition),
        TEST(test_caught_up),
        TEST(test_pressure),
        TEST(test_park),
        TEST(test_range_time),
        TEST(test_nobody_live),
        TEST(test_replay),
        TEST(test_replay_ends_in_holes),
        TEST(test_live_skips_range),
        TEST(test_replay_overtakes),
        TEST(test_one_judge),
        TEST(test_judged_before),
        TEST(test_trial),
        TEST(test_late_page_of_earlier_replay),
        TEST(test_loss_is_counted),
        TEST(test_cut_is_counted),
        TEST(test_errors_are_said),
        TEST(test_refused_row),
        TEST(test_refused_in_an_earlier_life),
        TEST(test_pinned),
        TEST(test_pinned_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
