/* frontier_naive.h: the frontier as a table of what is outstanding, and all that can be asked of the real one compared with it.
 * SLOTS and HOLDS are the including test's. */
#ifndef MR_TESTS_FRONTIER_NAIVE_H
#define MR_TESTS_FRONTIER_NAIVE_H

#include "data/frontier.h"

typedef struct outstanding {
    bool used, covered;
    uint32_t slot, epoch;
    uint64_t taken; /* of two at one offset the earlier is the older */
    int64_t offset;
    mr_hold_for what;
} outstanding;

typedef struct model {
    bool open[SLOTS];
    uint32_t epoch[SLOTS];
    int64_t position[SLOTS];
    outstanding holds[HOLDS];
    uint32_t held;
    uint64_t taken;
} model;

static bool counts(const model *m, uint32_t at)
{
    const outstanding *one = &m->holds[at];
    return one->used && !one->covered && m->open[one->slot] && one->epoch == m->epoch[one->slot];
}

static uint32_t oldest(const model *m, uint32_t slot)
{
    uint32_t found = MR_HOLD_NONE;
    for (uint32_t i = 0; i < HOLDS; i++) {
        if (!counts(m, i) || m->holds[i].slot != slot)
            continue;
        const outstanding *one = &m->holds[i], *best = found == MR_HOLD_NONE ? NULL : &m->holds[found];
        if (!best || one->offset < best->offset || (one->offset == best->offset && one->taken < best->taken))
            found = i;
    }
    return found;
}

static int64_t lowest(const model *m, uint32_t slot)
{
    uint32_t at = oldest(m, slot);
    return at == MR_HOLD_NONE ? m->position[slot] : m->holds[at].offset;
}

static void compare(const mr_frontier *frontier, const model *m)
{
    assert_int_equal(mr_frontier_held(frontier), m->held);
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        assert_int_equal(mr_frontier_is_open(frontier, slot), m->open[slot]);
        assert_int_equal(mr_frontier_epoch(frontier, slot), m->epoch[slot]);
        if (!m->open[slot])
            continue;
        assert_true(mr_frontier_position(frontier, slot) == m->position[slot]);
        assert_true(mr_frontier_lowest(frontier, slot) == lowest(m, slot));
        assert_int_equal(mr_frontier_oldest(frontier, slot), oldest(m, slot));
        assert_int_equal(mr_frontier_quiet(frontier, slot), oldest(m, slot) == MR_HOLD_NONE);
    }
    for (uint32_t i = 0; i < HOLDS; i++) {
        const outstanding *one = &m->holds[i];
        if (!one->used)
            continue;
        assert_int_equal(mr_frontier_counts(frontier, i), counts(m, i));
        assert_int_equal(mr_frontier_slot_of(frontier, i), one->slot);
        assert_true(mr_frontier_offset_of(frontier, i) == one->offset);
        assert_int_equal(mr_frontier_lane_of(frontier, i), one->what.lane);
        assert_int_equal(mr_frontier_owner_of(frontier, i), one->what.owner);
        assert_int_equal(mr_frontier_chain(frontier, i), one->what.chain);
    }
}

#endif
