/* The slot's sequence lock with every value that C11 lets a reader see (explore.h has the model and its limits): what a read gives back is one
 * of the moments that were published, whole, however far the publisher has come.
 *
 * The publisher reads nothing of the reader's, so it runs first, and the reader then chooses among all values that there ever were: that is
 * every order.  A read that has to try again is not followed: a second try finds what a first one could have found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "explore.h"
#include "threads/slot.h"

enum { MOMENTS = 3, SHARDS = 1 };

static mr_slot shared;
static uint32_t tries;

/* A second look at the version from the beginning: not followed. */
static uint64_t look(const volatile void *at, size_t size, memory_order order)
{
    if (at == &shared.version && order == memory_order_acquire && explorer.current == 1 && tries++ > 0)
        explore_give_up();
    return explore_load(at, size, order);
}

#undef atomic_load_explicit
#define atomic_load_explicit(at, order) ((__typeof__(+*(at)))look((at), sizeof *(at), (order)))

#include "../../worker/threads/slot.c"

static bool with_ranges;
static uint32_t found[MOMENTS + 1];

static mr_slot_snapshot moment(uint32_t i)
{
    return (mr_slot_snapshot){.epoch = i,
                              .lowest = 10 + i,
                              .position = 20 + i,
                              .quiet = i & 1,
                              .accepting = !(i & 1),
                              .ranges_version = i,
                              .waiting = MR_WAITS_FOR_SHARD,
                              .waiting_shard = i,
                              .waiting_page = 30 + i,
                              .waiting_hash = 40 + i};
}

static mr_slot_range range(uint32_t i)
{
    return (mr_slot_range){.from = 50 + i, .to = 60 + i, .timestamp_ms = 70 + i};
}

static void publish(uint32_t i)
{
    mr_slot_snapshot now = moment(i);
    mr_slot_range ranges[SHARDS] = {range(i)};
    mr_slot_publish(&shared, &now, ranges);
}

static void begin(void)
{
    shared.last = (mr_slot_snapshot){.epoch = 0};
    atomic_init(&shared.version, 0);
    tries = 0;
    publish(1);
}

static void publish_others(void)
{
    for (uint32_t i = 2; i <= MOMENTS; i++)
        publish(i);
}

static bool same_range(const mr_slot_range *a, const mr_slot_range *b)
{
    return a->from == b->from && a->to == b->to && a->timestamp_ms == b->timestamp_ms;
}

static void read_once(void)
{
    mr_slot_range ranges[SHARDS];
    mr_slot_snapshot now = mr_slot_read(&shared, with_ranges ? ranges : NULL);
    uint32_t i = now.epoch;
    if (i < 1 || i > MOMENTS) {
        explore_fail("no moment that there was");
        return;
    }
    mr_slot_snapshot whole = moment(i);
    mr_slot_range whole_range = range(i);
    if (!same(&now, &whole))
        explore_fail("a torn snapshot");
    if (with_ranges && !same_range(&ranges[0], &whole_range))
        explore_fail("ranges of another moment");
    found[i]++;
}

static void end(void) {}

static void explore_reads_of_slot(const char *name)
{
    explore_test test = {
        .threads = 2, .in_turn = true, .begin = begin, .thread = {publish_others, read_once}, .end = end};
    memset(found, 0, sizeof found);
    const char *failure = explore(name, &test);
    if (failure)
        fail_msg("%s: %s", name, failure);
    for (uint32_t i = 1; i <= MOMENTS; i++)
        assert_true(found[i] > 0); /* each moment was there to be found */
}

static void test_never_torn(void **state)
{
    (void)state;
    with_ranges = false;
    explore_reads_of_slot("without ranges");
    with_ranges = true;
    explore_reads_of_slot("with ranges");
}

static int set_up(void **state)
{
    mr_arena *arena = mr_arena_new();
    mr_slot_init(&shared, SHARDS, arena);
    *state = arena;
    return 0;
}

static int tear_down(void **state)
{
    mr_arena_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_never_torn, set_up, tear_down)};
    return explore_possible() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
