/* Dead letters on their way: each holds its frontier until it is acknowledged, what may be sent is bounded, and what was sent is remembered for as
 * long as it may be read again.  The producer is a few lines here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "threads/outbox.h"

enum { NOW = 600000, SLOTS = 2, HOLDS = MR_DEAD_LETTERS_EACH + 8, BUDGET = 3 };

static const char configuration[] =
    "{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\"},\"streams\":["
    "{\"name\":\"t\",\"topic\":\"t\",\"table\":\"t\",\"id\":{\"column\":\"id\",\"from\":\"ksuid\"},"
    "\"columns\":[{\"name\":\"x\",\"from\":\"x\",\"type\":\"int64\"}]}],\"shards\":["
    "{\"name\":\"s0\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}],\"dlq\":{\"topic\":\"d\"}}";

static mr_config *config;
static mr_arena *arena;
static mr_flow flow;
static mr_ring *letters;
static mr_frontier *frontier;
static mr_outbox *outbox;
static int64_t kept_from; /* a range may come to hold what is at or after it */

/* ---- the producer ---- */

static struct {
    bool full;
    uint32_t sent;
    uint32_t number; /* of the last one */
} producer;

bool mr_dlq_send(mr_dlq *dlq, const mr_event *event, void *handle, const mr_letter *letter)
{
    (void)dlq;
    (void)event;
    (void)handle;
    assert_int_equal(letter->consumer, 0);
    if (producer.full)
        return false;
    producer.number = letter->number;
    producer.sent++;
    return true;
}

static bool keeps(const void *context, uint32_t partition_slot, uint32_t shard, int64_t offset)
{
    (void)context;
    (void)partition_slot;
    (void)shard;
    return offset >= kept_from;
}

/* ---- one partition's letters ---- */

static int set_up(void **state)
{
    (void)state;
    mr_findings findings = {0};
    if (mr_config_parse("test", configuration, sizeof configuration - 1, NULL, &config, &findings))
        fail_msg("%s: %s", findings.at[0].where, findings.at[0].what);
    mr_findings_free(&findings);
    arena = mr_arena_new();
    letters = mr_ring_new(arena, "rings", MR_DEAD_LETTERS_EACH);
    flow = (mr_flow){.config = config,
                     .metrics = mr_metrics_new(config, arena, SLOTS),
                     .budget = mr_arena_take(arena, "budget", 1, sizeof(mr_budget)),
                     .consumers = 1,
                     .shards = 1,
                     .letters = &letters};
    frontier = mr_frontier_new(arena, "frontier", SLOTS, HOLDS);
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        mr_frontier_open(frontier, slot, 0);
    outbox = mr_outbox_new(&flow, 0, keeps, NULL, arena);
    memset(&producer, 0, sizeof producer);
    kept_from = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_frontier_check(frontier);
    mr_arena_free(arena);
    mr_config_free(config);
    return 0;
}

/* The next event of the slot becomes a letter of the shard; true when it is on its way. */
static bool send_at(uint32_t slot, uint32_t shard, uint64_t now_ms)
{
    mr_event event = {.topic = "t"};
    int64_t offset = mr_frontier_position(frontier, slot);
    mr_outgoing out = {.event = &event,
                       .letter = {.reason = MR_REASON_JSON_SYNTAX, .column = "", .shard = ""},
                       .partition_slot = slot,
                       .shard = shard,
                       .offset = offset,
                       .frontier = frontier,
                       .slot = slot};
    if (!mr_outbox_send(outbox, &out, now_ms))
        return false;
    mr_frontier_advance(frontier, slot, offset + 1);
    return true;
}

static void acknowledge(uint32_t number)
{
    mr_ring_push(letters, number);
    assert_int_equal(mr_outbox_serve(outbox), 1);
}

static mr_letter_known known(uint32_t slot, int64_t offset)
{
    return mr_outbox_known(outbox, slot, offset);
}

/* ---- holding ---- */

static void test_holds(void **state)
{
    (void)state;
    assert_true(send_at(0, 0, NOW));
    uint32_t first = producer.number;
    assert_true(send_at(0, 0, NOW));
    uint32_t second = producer.number;
    assert_true(mr_frontier_position(frontier, 0) == 2 && mr_frontier_lowest(frontier, 0) == 0);
    assert_int_equal(mr_outbox_serve(outbox), 0);
    acknowledge(second);
    assert_true(mr_frontier_lowest(frontier, 0) == 0); /* the first is still on its way */
    acknowledge(first);
    assert_true(mr_frontier_lowest(frontier, 0) == 2 && mr_frontier_held(frontier) == 0);
    assert_int_equal(mr_metric_get(flow.metrics, MR_M_DEAD_LETTERS, 0, MR_REASON_JSON_SYNTAX), 2);
}

/* A refused row brings its hold along. */
static void test_takes_over(void **state)
{
    (void)state;
    mr_event event = {.topic = "t"};
    mr_hold_for what = {.lane = MR_LANE_NONE, .owner = MR_OUTBOX_OWNER, .chain = MR_HOLD_NONE};
    mr_outgoing out = {.event = &event,
                       .letter = {.reason = MR_REASON_DB, .column = "", .shard = "s0"},
                       .frontier = frontier};
    uint32_t hold = mr_frontier_hold(frontier, 0, 0, what);
    mr_frontier_advance(frontier, 0, 5);
    producer.full = true;
    assert_false(mr_outbox_send_held(outbox, &out, hold, NOW));
    producer.full = false;
    assert_true(mr_frontier_lowest(frontier, 0) == 0); /* still its owner's */
    assert_true(mr_outbox_send_held(outbox, &out, hold, NOW + 1000));
    assert_true(mr_frontier_lowest(frontier, 0) == 0);
    acknowledge(producer.number);
    assert_true(mr_frontier_lowest(frontier, 0) == 5);
}

/* ---- bounds ---- */

static void test_producer_full(void **state)
{
    (void)state;
    producer.full = true;
    assert_false(send_at(0, 0, NOW));
    assert_true(mr_frontier_held(frontier) == 0 && known(0, 0) == MR_LETTER_NEW);
    producer.full = false;
    assert_false(send_at(0, 0, NOW + 1)); /* it is not asked at once again */
    assert_true(send_at(0, 0, NOW + 1000));
    assert_int_equal(producer.sent, 1);
}

static void test_places(void **state)
{
    (void)state;
    for (int i = 0; i < MR_DEAD_LETTERS_EACH; i++)
        assert_true(send_at(0, 0, NOW));
    uint32_t last = producer.number;
    assert_false(send_at(0, 0, NOW));
    acknowledge(last);
    assert_true(send_at(0, 0, NOW));
    assert_int_equal(producer.number, last);
}

/* What the producer refuses costs nothing of the minute's budget; the next minute has one of its own. */
static void test_budget(void **state)
{
    (void)state;
    config->dlq.per_minute_max = BUDGET;
    producer.full = true;
    assert_false(send_at(0, 0, NOW));
    producer.full = false;
    for (int i = 0; i < BUDGET; i++)
        assert_true(send_at(0, 0, NOW + 1000));
    assert_false(send_at(0, 0, NOW + 1000));
    assert_false(send_at(0, 0, NOW + 59999));
    assert_int_equal(mr_metric_get(flow.metrics, MR_M_DLQ_THROTTLED, 0, 0), 1);
    assert_true(send_at(0, 0, NOW + 60000));
    assert_int_equal(producer.sent, BUDGET + 1);
}

/* ---- memory ---- */

static void test_known(void **state)
{
    (void)state;
    assert_true(send_at(0, 0, NOW));
    assert_int_equal(known(0, 0), MR_LETTER_UNDER_WAY);
    assert_int_equal(known(1, 0), MR_LETTER_NEW); /* another partition's */
    acknowledge(producer.number);
    assert_int_equal(known(0, 0), MR_LETTER_SENT);
    assert_int_equal(known(0, 1), MR_LETTER_NEW);
    assert_int_equal(known(1, 0), MR_LETTER_NEW);
    assert_true(send_at(0, MR_LANE_NONE, NOW)); /* nobody's: no range is ever read again for it */
    assert_int_equal(known(0, 1), MR_LETTER_NEW);
    acknowledge(producer.number);
    assert_int_equal(known(0, 1), MR_LETTER_NEW);
}

/* The partition that the slot has next has offsets of its own. */
static void test_forget(void **state)
{
    (void)state;
    assert_true(send_at(0, 0, NOW));
    uint32_t under_way = producer.number;
    assert_true(send_at(0, 0, NOW));
    acknowledge(producer.number);
    mr_outbox_forget(outbox, 0);
    assert_true(known(0, 0) == MR_LETTER_NEW && known(0, 1) == MR_LETTER_NEW);
    acknowledge(under_way);
    assert_int_equal(known(0, 0), MR_LETTER_NEW);
}

/* When there is no room, what no range will hold goes first, then the oldest. */
static void test_room(void **state)
{
    (void)state;
    for (int i = 0; i < MR_LETTERS_KEPT; i++) {
        assert_true(send_at(0, 0, NOW));
        acknowledge(producer.number);
    }
    assert_int_equal(known(0, 0), MR_LETTER_SENT);
    kept_from = MR_LETTERS_KEPT / 2;
    assert_true(send_at(0, 0, NOW));
    acknowledge(producer.number);
    assert_int_equal(known(0, kept_from - 1), MR_LETTER_NEW);
    assert_int_equal(known(0, kept_from), MR_LETTER_SENT);
    assert_int_equal(known(0, MR_LETTERS_KEPT), MR_LETTER_SENT);
    kept_from = 0;
    for (int i = 0; i < MR_LETTERS_KEPT / 2; i++) {
        assert_true(send_at(0, 0, NOW));
        acknowledge(producer.number);
    }
    assert_int_equal(known(0, MR_LETTERS_KEPT / 2), MR_LETTER_NEW);
    assert_int_equal(known(0, MR_LETTERS_KEPT * 3 / 2), MR_LETTER_SENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_holds),  TEST(test_takes_over), TEST(test_producer_full), TEST(test_places),
        TEST(test_budget), TEST(test_known),      TEST(test_forget),        TEST(test_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
