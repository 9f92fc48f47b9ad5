/* The breaker: every way from one state to another and every refusal, when a shard is stalled, and what people are shown. */
#include "gate_world.h"

#include <pthread.h>
#include <sched.h>

/* ---- from one state to another ---- */

static void test_start(void **state)
{
    (void)state;
    char why[MR_GATE_WHY_BYTES];
    unsigned code;
    start(SHARDS, 1u << 1);
    assert_state(0, MR_GATE_STARTING);
    assert_state(1, MR_GATE_HELD);
    assert_state(2, MR_GATE_STARTING);
    mr_gate_explained(&gates, 0, why, &code);
    assert_string_equal(why, "");
    mr_gate_explained(&gates, 1, why, &code);
    assert_non_null(strstr(why, "shards[].hold"));
    assert_true(atomic_load(&gates.at[0].since_wall_ms) > 0);
    finish();
}

/* The drawing's ways, as the writer goes them; and from nowhere else. */
static void test_turns(void **state)
{
    (void)state;
    static const struct {
        mr_gate_state from, to;
        bool another; /* state for people: since when is told anew */
    } ways[] = {
        {MR_GATE_STARTING, MR_GATE_LIVE, false}, {MR_GATE_STARTING, MR_GATE_RETRYING, true},
        {MR_GATE_LIVE, MR_GATE_RETRYING, true},  {MR_GATE_RETRYING, MR_GATE_LIVE, true},
        {MR_GATE_LIVE, MR_GATE_PARKED, true},    {MR_GATE_PARKED, MR_GATE_PROBED, false},
        {MR_GATE_PROBED, MR_GATE_LIVE, true},    {MR_GATE_PROBED, MR_GATE_PARKED, false},
    };
    start(SHARDS, 0);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        for (uint32_t is = MR_GATE_STARTING; is <= MR_GATE_HELD; is++) {
            bool can = is == ways[i].from;
            set(0, (mr_gate_state)is);
            atomic_store(&gates.at[0].since_wall_ms, 0);
            assert_int_equal(mr_gate_turn(&gates, 0, ways[i].from, ways[i].to), can);
            assert_state(0, can ? ways[i].to : (mr_gate_state)is);
            assert_int_equal(atomic_load(&gates.at[0].since_wall_ms) > 0, can && ways[i].another);
            assert_state(1, MR_GATE_STARTING);
        }
    finish();
}

static void test_open(void **state)
{
    (void)state;
    assert_true(mr_gate_is_open(MR_GATE_STARTING) && mr_gate_is_open(MR_GATE_LIVE));
    assert_true(mr_gate_is_open(MR_GATE_RETRYING));
    assert_false(mr_gate_is_open(MR_GATE_PARKED) || mr_gate_is_open(MR_GATE_PROBED));
    assert_false(mr_gate_is_open(MR_GATE_HELD));
}

/* Each open state can be closed, no closed one can. */
static void test_park(void **state)
{
    (void)state;
    start(SHARDS, 0);
    set(1, MR_GATE_LIVE);
    for (uint32_t is = MR_GATE_STARTING; is <= MR_GATE_HELD; is++) {
        bool open = mr_gate_is_open((mr_gate_state)is);
        set(0, (mr_gate_state)is);
        atomic_store(&gates.at[0].since_wall_ms, 0);
        assert_int_equal(park(0), open);
        assert_state(0, open ? MR_GATE_PARKED : (mr_gate_state)is);
        assert_int_equal(atomic_load(&gates.at[0].since_wall_ms) > 0, open);
    }
    finish();
}

/* Closing needs another shard that is LIVE and takes rows. */
static void test_needs_another(void **state)
{
    (void)state;
    start(SHARDS, 0);
    for (uint32_t is = MR_GATE_STARTING; is <= MR_GATE_HELD; is++)
        for (uint32_t third = MR_GATE_STARTING; third <= MR_GATE_HELD; third++) {
            bool another = is == MR_GATE_LIVE || third == MR_GATE_LIVE;
            set(0, MR_GATE_LIVE);
            set(1, (mr_gate_state)is);
            set(2, (mr_gate_state)third);
            assert_int_equal(mr_gates_another_live(&gates, 0, NOW), another);
            assert_int_equal(park(0), another);
            assert_state(0, another ? MR_GATE_PARKED : MR_GATE_LIVE);
        }
    set(0, MR_GATE_LIVE);
    set(1, MR_GATE_LIVE);
    set(2, MR_GATE_PARKED);
    without_success(1, MR_GATE_STALLED_MS - 1);
    assert_true(mr_gates_another_live(&gates, 0, NOW));
    assert_false(mr_gates_another_live(&gates, 0, NOW + 1)); /* it is stalled by now */
    assert_false(mr_gate_park(&gates, 0, NOW + 1, "because"));
    mr_gate_good(&gates, 1, NOW + 1);
    assert_true(mr_gate_park(&gates, 0, NOW + 1, "because"));
    finish();
}

static void test_one_shard(void **state)
{
    (void)state;
    start(1, 0);
    set(0, MR_GATE_LIVE);
    without_success(0, 3600000);
    uint32_t of_shard[] = {PAGES};
    mr_gate_pages pages = {of_shard, PAGES, 0};
    assert_false(park(0));
    assert_false(mr_gates_crowd(&gates, 0, pages, NOW)); /* there is nobody to crowd */
    assert_int_equal(mr_gates_no_page(&gates, pages, NOW), 0);
    assert_int_equal(mr_gates_look(&gates, NOW), 0);
    assert_state(0, MR_GATE_LIVE);
    finish();
}

/* Of two shards one stays open, whichever is closed first and whoever asks. */
static void test_one_after_the_other(void **state)
{
    (void)state;
    for (uint32_t first = 0; first < 2; first++) {
        start(2, 0);
        set(0, MR_GATE_LIVE);
        set(1, MR_GATE_LIVE);
        assert_true(park(first));
        assert_false(park(1 - first));
        without_success(1 - first, 3600000);
        uint32_t of_shard[] = {PAGES / 2, PAGES / 2};
        assert_int_equal(mr_gates_no_page(&gates, (mr_gate_pages){of_shard, PAGES, 0}, NOW), 0);
        assert_int_equal(mr_gates_look(&gates, NOW), 0);
        assert_state(1 - first, MR_GATE_LIVE);
        /* Probed is not live yet: it takes nothing but one batch. */
        assert_true(mr_gate_turn(&gates, first, MR_GATE_PARKED, MR_GATE_PROBED));
        assert_false(park(1 - first));
        assert_true(mr_gate_turn(&gates, first, MR_GATE_PROBED, MR_GATE_LIVE));
        assert_true(park(1 - first));
        finish();
    }
}

/* ---- at once ---- */

enum { ROUNDS = 50000 };

static _Atomic uint32_t round_now, rounds_done;

static void wait_for(_Atomic uint32_t *counter, uint32_t value)
{
    for (uint32_t spins = 0; atomic_load(counter) < value; spins++)
        if (spins > 2000)
            sched_yield();
}

static void *fail_probes(void *won)
{
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        wait_for(&round_now, i);
        *(uint32_t *)won += mr_gate_turn(&gates, 0, MR_GATE_PROBED, MR_GATE_PARKED);
        atomic_store(&rounds_done, i);
    }
    return NULL;
}

/* A writer's probe fails while a consumer finds that nothing is left to try: one of them turns the gate, and it is as that one left it. */
static void test_at_once(void **state)
{
    (void)state;
    pthread_t other;
    uint32_t won = 0, lost = 0;
    start(2, 0);
    atomic_store(&round_now, 0);
    atomic_store(&rounds_done, 0);
    assert_int_equal(pthread_create(&other, NULL, fail_probes, &lost), 0);
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        uint32_t lost_before = lost;
        set(0, MR_GATE_PROBED);
        atomic_store(&round_now, i);
        for (volatile uint32_t pause = i * 2654435761u >> 25; pause > 0; pause--) /* who comes first varies */
            ;
        bool mine = mr_gate_turn(&gates, 0, MR_GATE_PROBED, MR_GATE_LIVE);
        wait_for(&rounds_done, i);
        assert_int_equal(mine + lost - lost_before, 1);
        assert_state(0, mine ? MR_GATE_LIVE : MR_GATE_PARKED);
        won += mine;
    }
    pthread_join(other, NULL);
    assert_int_equal(won + lost, ROUNDS);
    finish();
}

/* ---- stalled ---- */

static bool is_stalled_at(uint32_t shard, uint64_t now)
{
    uint32_t of_shard[SHARDS] = {0};
    of_shard[shard] =
        PAGES / 2 - 1; /* above its part, below half, and enough is free: only a stalled one crowds */
    return mr_gates_crowd(&gates, shard, (mr_gate_pages){of_shard, PAGES, PAGES}, now);
}

static void test_stalled(void **state)
{
    (void)state;
    static const struct {
        uint64_t batch_ms, stalled_ms;
    } cases[] = {{0, MR_GATE_STALLED_MS},
                 {MR_GATE_STALLED_MS / 4, MR_GATE_STALLED_MS},
                 {150, 600},
                 {5000, MR_GATE_STALLED_MOST_MS}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start(SHARDS, 0);
        for (int k = 0; k < 100; k++) /* averaged */
            mr_gate_wrote(&gates, 0, cases[i].batch_ms, 1);
        assert_false(is_stalled_at(0, NOW)); /* it has no work */
        mr_gate_work(&gates, 0, 1, NOW);
        uint64_t at = NOW + cases[i].stalled_ms;
        assert_false(is_stalled_at(0, at - 20));
        assert_true(is_stalled_at(0, at));
        assert_false(is_stalled_at(0, NOW - 1)); /* the clock of another thread is a little behind */
        mr_gate_work(&gates, 0, 1, at);          /* more work is no success */
        assert_true(is_stalled_at(0, at));
        mr_gate_good(&gates, 0, at);
        assert_false(is_stalled_at(0, at));
        assert_true(is_stalled_at(0, at + cases[i].stalled_ms));
        mr_gate_work(&gates, 0, -2, at);
        assert_false(is_stalled_at(0, at + 3600000));
        mr_gate_work(&gates, 0, 1, at + 3600000); /* its time begins when it has work again */
        assert_false(is_stalled_at(0, at + 3600000));
        finish();
    }
}

/* A long pause of one batch does not make a shard slow for ever. */
static void test_average(void **state)
{
    (void)state;
    start(SHARDS, 0);
    mr_gate_wrote(&gates, 0, 3600000, NOW);
    assert_in_range(atomic_load(&gates.at[0].batch_ms), 1, MR_GATE_STALLED_MOST_MS / 4);
    for (int i = 0; i < 100; i++)
        mr_gate_wrote(&gates, 0, 10, NOW);
    assert_in_range(atomic_load(&gates.at[0].batch_ms), 5, 15);
    assert_int_equal(atomic_load(&gates.at[0].good_ms), NOW);
    finish();
}

static void test_is_live(void **state)
{
    (void)state;
    uint64_t after_ms = 10000; /* park.after_s */
    start(SHARDS, 0);
    for (uint32_t is = MR_GATE_STARTING; is <= MR_GATE_HELD; is++) {
        set(0, (mr_gate_state)is);
        assert_int_equal(mr_gate_is_live(&gates, 0, NOW), is == MR_GATE_LIVE);
    }
    set(0, MR_GATE_LIVE);
    without_success(0, 0);
    assert_true(mr_gate_is_live(&gates, 0, NOW + after_ms - 1));
    assert_false(mr_gate_is_live(&gates, 0, NOW + after_ms));
    finish();
}

/* ---- for people ---- */

static void test_shown(void **state)
{
    (void)state;
    static const struct {
        mr_gate_state is;
        mr_shard_state without, with_entries;
    } cases[] = {
        {MR_GATE_STARTING, MR_SHARD_LIVE, MR_SHARD_REPLAY},
        {MR_GATE_LIVE, MR_SHARD_LIVE, MR_SHARD_REPLAY},
        {MR_GATE_RETRYING, MR_SHARD_RETRYING, MR_SHARD_RETRYING},
        {MR_GATE_PARKED, MR_SHARD_PARKED, MR_SHARD_PARKED},
        {MR_GATE_PROBED, MR_SHARD_PARKED, MR_SHARD_PARKED},
        {MR_GATE_HELD, MR_SHARD_HELD, MR_SHARD_HELD},
    };
    start(SHARDS, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        set(0, cases[i].is);
        atomic_store(&gates.at[0].entries, 0);
        assert_int_equal(mr_gate_shown(&gates, 0), cases[i].without);
        atomic_store(&gates.at[0].entries, 2);
        assert_int_equal(mr_gate_shown(&gates, 0), cases[i].with_entries);
    }
    finish();
}

static void test_why(void **state)
{
    (void)state;
    char why[MR_GATE_WHY_BYTES], is_long[2 * MR_GATE_WHY_BYTES];
    unsigned code;
    start(SHARDS, 0);
    set(0, MR_GATE_LIVE);
    set(1, MR_GATE_LIVE);
    assert_true(park(0)); /* who closes it says why, when nobody has */
    mr_gate_explained(&gates, 0, why, &code);
    assert_string_equal(why, "because");
    set(0, MR_GATE_LIVE);
    mr_gate_explain(&gates, 0, 1146, "there is no table t");
    assert_true(park(0)); /* the writer knows better */
    mr_gate_explained(&gates, 0, why, &code);
    assert_string_equal(why, "there is no table t");
    assert_int_equal(code, 1146);
    assert_false(mr_gate_park(&gates, 1, NOW, "also")); /* refused: says nothing */
    mr_gate_explained(&gates, 1, why, &code);
    assert_string_equal(why, "");
    memset(is_long, 'x', sizeof is_long - 1);
    is_long[sizeof is_long - 1] = 0;
    mr_gate_explain(&gates, 1, 7, is_long);
    mr_gate_explained(&gates, 1, why, &code);
    assert_int_equal(strlen(why), MR_GATE_WHY_BYTES - 1);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_park),
        cmocka_unit_test(test_needs_another),
        cmocka_unit_test(test_one_shard),
        cmocka_unit_test(test_one_after_the_other),
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_stalled),
        cmocka_unit_test(test_average),
        cmocka_unit_test(test_is_live),
        cmocka_unit_test(test_shown),
        cmocka_unit_test(test_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
