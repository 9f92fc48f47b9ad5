/* The breaker: who is to blame for a pool that is empty, and who is closed for having had no success. */
#include "gate_world.h"

typedef struct blame {
    const char *what;
    mr_gate_state states[SHARDS];
    uint32_t pages[SHARDS];
    uint32_t free;
    unsigned stalled; /* bits */
    unsigned closed;  /* bits: what mr_gates_no_page closes */
    unsigned crowd;   /* bits: who must not take another */
} blame;

static const blame blames[] = {
    /* A part is 25 pages. */
    {"nobody is stalled, and something is left for all",
     {MR_GATE_LIVE, MR_GATE_LIVE, MR_GATE_LIVE},
     {30, 30, 30},
     10,
     0,
     0,
     0},
    {"what is free is owed to the third",
     {MR_GATE_LIVE, MR_GATE_LIVE, MR_GATE_LIVE},
     {49, 30, 11},
     10,
     0,
     0,
     3},
    {"exactly what is owed", {MR_GATE_LIVE, MR_GATE_LIVE, MR_GATE_LIVE}, {45, 30, 20}, 5, 0, 0, 3},
    {"one more than is owed", {MR_GATE_LIVE, MR_GATE_LIVE, MR_GATE_LIVE}, {44, 30, 20}, 6, 0, 0, 0},
    {"stalled, below its part", {MR_GATE_LIVE, MR_GATE_LIVE, MR_GATE_LIVE}, {24, 38, 38}, 0, 1, 0, 6},
    {"stalled, at its part", {MR_GATE_LIVE, MR_GATE_LIVE, MR_GATE_LIVE}, {25, 35, 30}, 10, 1, 1, 1},
    {"nothing free", {MR_GATE_LIVE, MR_GATE_LIVE, MR_GATE_LIVE}, {25, 40, 35}, 0, 0, 0, 7},
    {"two are stalled", {MR_GATE_LIVE, MR_GATE_LIVE, MR_GATE_LIVE}, {26, 26, 38}, 10, 3, 3, 3},
    {"all stalled", {MR_GATE_LIVE, MR_GATE_LIVE, MR_GATE_LIVE}, {40, 40, 20}, 0, 7, 0, 3},
    {"retrying", {MR_GATE_RETRYING, MR_GATE_LIVE, MR_GATE_LIVE}, {26, 34, 30}, 10, 1, 1, 1},
    {"starting", {MR_GATE_STARTING, MR_GATE_LIVE, MR_GATE_LIVE}, {26, 34, 30}, 10, 1, 1, 1},
    {"no other is live", {MR_GATE_LIVE, MR_GATE_RETRYING, MR_GATE_STARTING}, {26, 34, 30}, 10, 1, 0, 1},
    {"closed ones stay as they are",
     {MR_GATE_PARKED, MR_GATE_PROBED, MR_GATE_LIVE},
     {40, 40, 10},
     20,
     3,
     0,
     3},
    {"a healthy one is not to blame for a closed one's pages",
     {MR_GATE_LIVE, MR_GATE_PARKED, MR_GATE_LIVE},
     {20, 49, 31},
     0,
     1,
     0,
     6},
    {"half of all, though it is well",
     {MR_GATE_LIVE, MR_GATE_LIVE, MR_GATE_LIVE},
     {50, 10, 10},
     100,
     0,
     0,
     1},
};

static void test_no_page(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof blames / sizeof blames[0]; i++) {
        const blame *one = &blames[i];
        mr_gate_pages pages = {one->pages, PAGES, one->free};
        uint32_t expected = 0;
        start(SHARDS, 0);
        for (uint32_t shard = 0; shard < SHARDS; shard++) {
            set(shard, one->states[shard]);
            without_success(shard, one->stalled >> shard & 1 ? MR_GATE_STALLED_MS : MR_GATE_STALLED_MS - 1);
            expected += one->closed >> shard & 1;
        }
        for (uint32_t shard = 0; shard < SHARDS; shard++)
            if (mr_gates_crowd(&gates, shard, pages, NOW) != (one->crowd >> shard & 1))
                fail_msg("%s: shard %u crowds, or does not", one->what, shard);
        if (mr_gates_no_page(&gates, pages, NOW) != expected)
            fail_msg("%s: not %u closed", one->what, expected);
        for (uint32_t shard = 0; shard < SHARDS; shard++)
            assert_state(shard, one->closed >> shard & 1 ? MR_GATE_PARKED : one->states[shard]);
        assert_int_equal(mr_gates_no_page(&gates, pages, NOW), 0); /* once */
        finish();
    }
}

static void test_look(void **state)
{
    (void)state;
    uint64_t after_ms = 10000;
    start(SHARDS, 0);
    set(0, MR_GATE_LIVE);
    set(1, MR_GATE_RETRYING);
    set(2, MR_GATE_LIVE);
    mr_gate_work(&gates, 0, 3, NOW);
    mr_gate_work(&gates, 1, 1, NOW + 5);
    assert_int_equal(mr_gates_look(&gates, NOW + after_ms - 1), 0);
    assert_int_equal(mr_gates_look(&gates, NOW + after_ms), 1);
    assert_state(0, MR_GATE_PARKED);
    assert_int_equal(mr_gates_look(&gates, NOW + after_ms + 5), 1);
    assert_state(1, MR_GATE_PARKED);
    assert_int_equal(mr_gates_look(&gates, NOW + 10 * after_ms), 0); /* without work nobody waits for it */
    assert_state(2, MR_GATE_LIVE);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_page),
        cmocka_unit_test(test_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
