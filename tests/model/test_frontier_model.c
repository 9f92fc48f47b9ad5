/* The frontier against a list of what is outstanding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "data/frontier.h"
#include "model.h"

enum { SLOTS = 5, LANES = 4, HOLDS = 64, STEPS = 200000 }; /* the last lane is MR_LANE_NONE */

#include "frontier_naive.h"

static uint32_t some_lane(void)
{
    uint32_t lane = model_below(LANES);
    return lane == LANES - 1 ? MR_LANE_NONE : lane;
}

/* ---- steps ---- */

static void open_or_close(mr_frontier *frontier, model *m, uint32_t slot)
{
    if (m->open[slot] && model_below(20) == 0) {
        mr_frontier_close(frontier, slot);
        m->open[slot] = false;
    } else if (!m->open[slot]) {
        m->position[slot] = model_below(1000);
        m->open[slot] = true;
        assert_int_equal(mr_frontier_open(frontier, slot, m->position[slot]), ++m->epoch[slot]);
    }
}

static void take_hold(mr_frontier *frontier, model *m, uint32_t slot)
{
    if (!m->open[slot] || m->held == HOLDS)
        return;
    bool behind = model_below(4) == 0;
    int64_t low = lowest(m, slot), position = m->position[slot];
    int64_t offset = behind ? low + model_below((uint32_t)(position - low + 1))
                            : position + model_below(3); /* offsets have holes */
    mr_hold_for what = {.lane = some_lane(), .owner = model_below(100), .chain = model_below(100)};
    uint32_t at = behind ? mr_frontier_hold_behind(frontier, slot, offset, what)
                         : mr_frontier_hold(frontier, slot, offset, what);
    assert_true(at < HOLDS && !m->holds[at].used);
    m->holds[at] = (outstanding){.used = true,
                                 .slot = slot,
                                 .epoch = m->epoch[slot],
                                 .taken = ++m->taken,
                                 .offset = offset,
                                 .what = what};
    m->held++;
    if (!behind) {
        m->position[slot] = offset + 1;
        mr_frontier_advance(frontier, slot, offset + 1);
    }
}

static void cover(mr_frontier *frontier, model *m, uint32_t slot)
{
    uint32_t lane = some_lane();
    int64_t least = -1;
    if (!m->open[slot] || model_below(8))
        return;
    for (uint32_t i = 0; i < HOLDS; i++)
        if (counts(m, i) && m->holds[i].slot == slot && m->holds[i].what.lane == lane) {
            least = least < 0 || m->holds[i].offset < least ? m->holds[i].offset : least;
            m->holds[i].covered = true;
        }
    assert_true(mr_frontier_cover(frontier, slot, lane) == least);
}

static void step(mr_frontier *frontier, model *m)
{
    uint32_t slot = model_below(SLOTS), at = model_below(HOLDS);
    switch (model_below(10)) {
    case 0:
        open_or_close(frontier, m, slot);
        break;
    case 1:
    case 2:
    case 3:
    case 4:
        take_hold(frontier, m, slot);
        break;
    case 5:
        if (m->open[slot]) {
            m->position[slot] += model_below(5);
            mr_frontier_advance(frontier, slot, m->position[slot]);
        }
        break;
    case 6:
        cover(frontier, m, slot);
        break;
    default:
        if (m->holds[at].used) {
            mr_frontier_release(frontier, at);
            m->holds[at].used = false;
            m->held--;
        }
    }
}

static void test_random(void **state)
{
    (void)state;
    model_seed("frontier");
    mr_arena *arena = mr_arena_new();
    mr_frontier *frontier = mr_frontier_new(arena, "frontier", SLOTS, HOLDS);
    static model m;
    for (int i = 0, rounds = model_rounds(STEPS); i < rounds; i++) {
        step(frontier, &m);
        compare(frontier, &m);
        if (i % 64 == 0)
            mr_frontier_check(frontier);
    }
    mr_arena_free(arena);
}

/* ---- cases with names ---- */

static mr_hold_for of_lane(uint32_t lane)
{
    return (mr_hold_for){.lane = lane, .owner = 7, .chain = MR_HOLD_NONE};
}

/* A late completion of an earlier life must not move the frontier of the next. */
static void test_earlier_life(void **state)
{
    (void)state;
    mr_arena *arena = mr_arena_new();
    mr_frontier *frontier = mr_frontier_new(arena, "frontier", 1, 4);
    mr_frontier_open(frontier, 0, 100);
    uint32_t old = mr_frontier_hold(frontier, 0, 100, of_lane(0));
    mr_frontier_advance(frontier, 0, 150);
    mr_frontier_close(frontier, 0);
    mr_frontier_open(frontier, 0, 100);
    uint32_t new = mr_frontier_hold(frontier, 0, 100, of_lane(0));
    mr_frontier_advance(frontier, 0, 120);
    mr_frontier_release(frontier, old);
    assert_true(mr_frontier_lowest(frontier, 0) == 100);
    mr_frontier_release(frontier, new);
    assert_true(mr_frontier_lowest(frontier, 0) == 120);
    mr_frontier_check(frontier);
    mr_arena_free(arena);
}

/* A shard is parked: its holds, also those in the middle, hold nothing up any more; a refused row's and another shard's still do. */
static void test_cover(void **state)
{
    (void)state;
    mr_arena *arena = mr_arena_new();
    mr_frontier *frontier = mr_frontier_new(arena, "frontier", 2, 8);
    uint32_t hold[5];
    static const uint32_t lanes[] = {1, 0, 1, 0, 1};
    mr_frontier_open(frontier, 0, 10);
    mr_frontier_open(frontier, 1, 10);
    for (uint32_t i = 0; i < 5; i++) {
        hold[i] = mr_frontier_hold(frontier, 0, 10 + 10 * i, of_lane(lanes[i]));
        mr_frontier_advance(frontier, 0, 11 + 10 * i);
    }
    uint32_t elsewhere = mr_frontier_hold(frontier, 1, 10, of_lane(1));
    mr_frontier_advance(frontier, 1, 20);
    uint32_t refused = mr_frontier_hold_behind(frontier, 0, 15, of_lane(MR_LANE_NONE));

    assert_true(mr_frontier_cover(frontier, 0, 1) == 10);
    assert_true(mr_frontier_cover(frontier, 0, 1) == -1); /* once */
    assert_true(mr_frontier_lowest(frontier, 0) == 15);
    assert_true(mr_frontier_lowest(frontier, 1) == 10); /* another partition's range is its own */
    mr_frontier_release(frontier, hold[0]);             /* frees it, and that is all */
    assert_true(mr_frontier_lowest(frontier, 0) == 15);
    mr_frontier_release(frontier, refused);
    assert_true(mr_frontier_lowest(frontier, 0) == 20);
    mr_frontier_release(frontier, hold[1]);
    assert_true(mr_frontier_lowest(frontier, 0) == 40); /* 30 is covered */
    mr_frontier_release(frontier, hold[3]);
    assert_true(mr_frontier_quiet(frontier, 0) && mr_frontier_lowest(frontier, 0) == 51);
    assert_int_equal(mr_frontier_held(frontier), 3);
    mr_frontier_release(frontier, hold[2]);
    mr_frontier_release(frontier, hold[4]);
    mr_frontier_release(frontier, elsewhere);
    assert_int_equal(mr_frontier_held(frontier), 0);
    mr_frontier_check(frontier);
    mr_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_earlier_life),
                                       cmocka_unit_test(test_cover)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
