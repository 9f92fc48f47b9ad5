/* Parked ranges: against sets of offsets; and the invariant that they are for, in a consumer thread in miniature (parking_world.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "parking_world.h"

/* ---- against sets ---- */

enum { OFFSETS = 64, STEPS = 100000 }; /* the last bit stands for all that is beyond */

typedef struct sets {
    bool holds[SLOTS][SHARDS][OFFSETS];
} sets;

static uint32_t first_of(const bool *set)
{
    uint32_t at = 0;
    while (at < OFFSETS && !set[at])
        at++;
    return at;
}

static mr_range range_of(const bool *set)
{
    uint32_t from = first_of(set), to = from;
    if (from == OFFSETS)
        return (mr_range){.state = MR_RANGE_LIVE};
    if (set[OFFSETS - 1])
        return (mr_range){.state = MR_RANGE_PARKED, .from = from, .to = MR_RANGE_OPEN};
    while (set[to])
        to++;
    return (mr_range){.state = MR_RANGE_REPLAY, .from = from, .to = to};
}

static void fill_set(bool *set, uint32_t from, uint32_t to, bool with)
{
    for (uint32_t i = from; i < to; i++)
        set[i] = with;
}

/* Returns whether anything changed. */
static bool set_step(mr_parking *parking, sets *s, uint32_t slot, uint32_t shard)
{
    bool *set = s->holds[slot][shard], before[OFFSETS];
    mr_range range = range_of(set);
    uint32_t offset = model_below(OFFSETS - 1), first = first_of(set);
    memcpy(before, set, sizeof before);
    switch (model_below(12)) {
    case 0:
        mr_parking_end(parking, slot);
        memset(s->holds[slot], 0, sizeof s->holds[slot]);
        mr_parking_begin(parking, slot);
        return true;
    case 1:
        if (range.state == MR_RANGE_LIVE) {
            uint32_t to = offset + 1 + model_below(OFFSETS - 1 - offset);
            bool open = model_below(2);
            mr_parking_load(parking, slot, shard, offset, open ? MR_RANGE_OPEN : to);
            fill_set(set, offset, open ? OFFSETS : to, true);
        }
        break;
    case 2:
    case 3:
    case 4:
        mr_parking_park(parking, slot, shard, offset);
        fill_set(set, offset < first ? offset : first, OFFSETS, true);
        break;
    case 5:
    case 6:
    case 7:
        if (range.state == MR_RANGE_PARKED) {
            mr_parking_reopen(parking, slot, shard, offset);
            fill_set(set, offset, OFFSETS, false);
        }
        break;
    default:
        if (range.state == MR_RANGE_REPLAY) {
            offset = model_below(3) ? (uint32_t)range.from + model_below(8) : offset;
            fill_set(set, 0, offset < OFFSETS ? offset : OFFSETS, false);
            mr_range now = range_of(set);
            int64_t moved = (now.state == MR_RANGE_LIVE ? range.to : now.from) - range.from;
            assert_true(mr_parking_progress(parking, slot, shard, offset) == moved);
        }
    }
    return memcmp(before, set, sizeof before) != 0;
}

static void compare(const mr_parking *parking, const sets *s)
{
    uint32_t of_shard[SHARDS] = {0};
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        uint32_t in_slot = 0;
        for (uint32_t shard = 0; shard < SHARDS; shard++) {
            const bool *set = s->holds[slot][shard];
            mr_range expected = range_of(set), range = mr_parking_range(parking, slot, shard);
            assert_int_equal(range.state, expected.state);
            for (uint32_t i = 0; i < OFFSETS; i++)
                assert_int_equal(mr_parking_skips(parking, slot, shard, i), set[i]);
            assert_int_equal(mr_parking_skips(parking, slot, shard, INT64_MAX - 1), set[OFFSETS - 1]);
            if (expected.state == MR_RANGE_LIVE)
                continue;
            assert_true(range.from == expected.from && range.to == expected.to);
            in_slot++;
            of_shard[shard]++;
        }
        assert_int_equal(mr_parking_in_slot(parking, slot), in_slot);
    }
    for (uint32_t shard = 0; shard < SHARDS; shard++)
        assert_int_equal(mr_parking_of_shard(parking, shard), of_shard[shard]);
    mr_parking_check(parking);
}

static void test_sets(void **state)
{
    (void)state;
    model_seed("parking");
    mr_arena *arena = mr_arena_new();
    mr_parking *parking = mr_parking_new(arena, SLOTS, SHARDS);
    static sets s;
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        mr_parking_begin(parking, slot);
    for (int i = 0, rounds = model_rounds(STEPS); i < rounds; i++) {
        uint32_t slot = model_below(SLOTS), other = (slot + 1) % SLOTS;
        uint32_t version = mr_parking_version(parking, slot), others = mr_parking_version(parking, other);
        bool changed = set_step(parking, &s, slot, model_below(SHARDS));
        assert_int_equal(mr_parking_version(parking, slot) != version, changed);
        assert_int_equal(mr_parking_version(parking, other), others);
        compare(parking, &s);
    }
    mr_arena_free(arena);
}

/* ---- the invariant ---- */

enum { WORLDS = 1000, WORLD_STEPS = 1500 };

static bool answered_for(const world *w, uint32_t slot, int64_t offset, const mr_range *ranges)
{
    uint32_t shard = w->shard_of[slot][offset];
    if (shard == HOLE || w->durable[slot][offset])
        return true;
    return shard != NOBODY && ranges[shard].state != MR_RANGE_LIVE && offset >= ranges[shard].from &&
           offset < ranges[shard].to;
}

/* For every event below the offset: durable, or its shard has a range that holds it. */
static void assert_safe(const world *w, uint32_t slot, const snapshot *s)
{
    for (int64_t offset = 0; offset < s->lowest; offset++)
        if (!answered_for(w, slot, offset, s->ranges))
            fail_msg("partition %u: %lld of shard %u is lost: below %lld, its range is %lld to %lld", slot,
                     (long long)offset, w->shard_of[slot][offset], (long long)s->lowest,
                     (long long)s->ranges[w->shard_of[slot][offset]].from,
                     (long long)s->ranges[w->shard_of[slot][offset]].to);
}

static void keep(world *w, uint32_t slot)
{
    uint32_t count = w->kept_count[slot]++;
    w->kept[slot][count < KEPT ? count : model_below(KEPT)] = world_now(w, slot);
}

/* A partition begins at a snapshot of any age, as after a crash or a zombie's commit; or at an older offset with these ranges. */
static void restart(world *w, uint32_t slot)
{
    uint32_t count = w->kept_count[slot] < KEPT ? w->kept_count[slot] : KEPT;
    if (count == 0)
        return;
    snapshot from = w->kept[slot][model_below(count)];
    int64_t older = w->kept[slot][model_below(count)].lowest;
    if (model_below(2) && older < from.lowest)
        from.lowest = older;
    assert_safe(w, slot, &from); /* true when it was taken: true for ever */
    world_end(w, slot);
    world_begin(w, slot, from.lowest, from.ranges);
}

static void page_comes_back(world *w, page *one)
{
    if (!one->used)
        return;
    if (one->open) {
        one->open = false; /* it lingered */
    } else if (model_below(3)) {
        world_return_durable(w, one);
    } else {
        if (model_below(2))
            world_write_some(w, one);
        world_return_parked(w, one);
    }
}

static void acknowledge(world *w, letter *one)
{
    if (!one->used)
        return;
    w->durable[one->slot][one->offset] = true;
    mr_frontier_release(world_frontier(w, one->replay), one->hold);
    one->used = false;
}

static void step(world *w)
{
    uint32_t slot = model_below(SLOTS), shard = model_below(SHARDS), what = model_below(200);
    if (what < 60)
        world_live(w, slot);
    else if (what < 90)
        world_tend(w, slot, shard);
    else if (what < 130)
        world_read_again(w, slot, shard);
    else if (what < 165)
        page_comes_back(w, &w->pages[model_below(PAGES)]);
    else if (what < 180)
        acknowledge(w, &w->letters[model_below(LETTERS)]);
    else if (what < 191)
        keep(w, slot);
    else if (what < 199)
        world_gate(w, shard, (gate)model_below(GATE_OPEN + 1));
    else
        restart(w, slot);
}

static bool at_rest(const world *w)
{
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        if (mr_frontier_lowest(w->live, slot) < EVENTS || mr_parking_in_slot(w->parking, slot) > 0)
            return false;
    return true;
}

/* Every shard takes rows again: everything is read again and nothing is left. */
static void settle(world *w)
{
    for (uint32_t shard = 0; shard < SHARDS; shard++)
        world_gate(w, shard, GATE_OPEN);
    for (int i = 0; i < 100000 && !at_rest(w); i++) {
        uint32_t slot = model_below(SLOTS), shard = model_below(SHARDS);
        page *one = &w->pages[model_below(PAGES)];
        world_live(w, slot);
        world_tend(w, slot, shard);
        world_read_again(w, slot, shard);
        if (one->used && one->open)
            one->open = false;
        else if (one->used)
            world_return_durable(w, one);
        acknowledge(w, &w->letters[model_below(LETTERS)]);
    }
    assert_true(at_rest(w));
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        for (uint32_t i = 0; i < EVENTS; i++)
            assert_true(w->shard_of[slot][i] == HOLE || w->durable[slot][i]);
}

static void test_invariant(void **state)
{
    (void)state;
    model_seed("invariant");
    for (int i = 0, rounds = model_rounds(WORLDS); i < rounds; i++) {
        world *w = world_new();
        for (int k = 0; k < WORLD_STEPS; k++) {
            step(w);
            for (uint32_t slot = 0; slot < SLOTS; slot++) {
                snapshot now = world_now(w, slot);
                assert_safe(w, slot, &now);
            }
            if (k % 16 == 0) {
                mr_parking_check(w->parking);
                mr_frontier_check(w->live);
                mr_frontier_check(w->lanes);
            }
        }
        settle(w);
        mr_arena_free(w->arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sets), cmocka_unit_test(test_invariant)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
