/* The frontier against a list of what is outstanding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "data/frontier.h"
#include "model.h"

enum { SLOTS = 5, HOLDS = 64, STEPS = 200000 };

typedef struct outstanding {
    bool used;
    uint32_t slot, epoch, chain;
    int64_t offset;
} outstanding;

typedef struct model {
    bool open[SLOTS];
    uint32_t epoch[SLOTS];
    int64_t position[SLOTS];
    outstanding holds[HOLDS];
    uint32_t held;
} model;

static int64_t lowest(const model *m, uint32_t slot)
{
    int64_t least = m->position[slot];
    for (uint32_t i = 0; i < HOLDS; i++)
        if (m->holds[i].used && m->holds[i].slot == slot && m->holds[i].epoch == m->epoch[slot] &&
            m->holds[i].offset < least)
            least = m->holds[i].offset;
    return least;
}

static bool quiet(const model *m, uint32_t slot)
{
    for (uint32_t i = 0; i < HOLDS; i++)
        if (m->holds[i].used && m->holds[i].slot == slot && m->holds[i].epoch == m->epoch[slot])
            return false;
    return true;
}

static void step(mr_frontier *frontier, model *m)
{
    uint32_t slot = model_below(SLOTS), at = model_below(HOLDS);
    switch (model_below(8)) {
    case 0:
        if (model_below(20) == 0 && m->open[slot]) {
            mr_frontier_close(frontier, slot);
            m->open[slot] = false;
        } else if (!m->open[slot]) {
            m->position[slot] = model_below(1000);
            m->open[slot] = true;
            m->epoch[slot] = mr_frontier_open(frontier, slot, m->position[slot]);
        }
        break;
    case 1:
    case 2:
    case 3:
        if (m->open[slot] && m->held < HOLDS) {
            int64_t offset = m->position[slot] + model_below(3); /* offsets have holes */
            uint32_t chain = model_below(100), hold = mr_frontier_hold(frontier, slot, offset, chain);
            assert_true(hold < HOLDS && !m->holds[hold].used);
            m->holds[hold] = (outstanding){true, slot, m->epoch[slot], chain, offset};
            m->held++;
            m->position[slot] = offset + 1;
            mr_frontier_advance(frontier, slot, offset + 1);
        }
        break;
    case 4:
        if (m->open[slot]) {
            m->position[slot] += model_below(5);
            mr_frontier_advance(frontier, slot, m->position[slot]);
        }
        break;
    default:
        if (m->holds[at].used) {
            assert_int_equal(mr_frontier_chain(frontier, at), m->holds[at].chain);
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
    for (int i = 0; i < STEPS; i++) {
        step(frontier, &m);
        assert_int_equal(mr_frontier_held(frontier), m.held);
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            if (m.open[slot]) {
                assert_true(mr_frontier_lowest(frontier, slot) == lowest(&m, slot));
                assert_int_equal(mr_frontier_quiet(frontier, slot), quiet(&m, slot));
            }
        if (i % 64 == 0)
            mr_frontier_check(frontier);
    }
    mr_arena_free(arena);
}

/* A late completion of an earlier life must not move the frontier of the next. */
static void test_earlier_life(void **state)
{
    (void)state;
    mr_arena *arena = mr_arena_new();
    mr_frontier *frontier = mr_frontier_new(arena, "frontier", 1, 4);
    mr_frontier_open(frontier, 0, 100);
    uint32_t old = mr_frontier_hold(frontier, 0, 100, MR_HOLD_NONE);
    mr_frontier_advance(frontier, 0, 150);
    mr_frontier_close(frontier, 0);
    mr_frontier_open(frontier, 0, 100);
    uint32_t new = mr_frontier_hold(frontier, 0, 100, MR_HOLD_NONE);
    mr_frontier_advance(frontier, 0, 120);
    mr_frontier_release(frontier, old);
    assert_true(mr_frontier_lowest(frontier, 0) == 100);
    mr_frontier_release(frontier, new);
    assert_true(mr_frontier_lowest(frontier, 0) == 120);
    mr_frontier_check(frontier);
    mr_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_earlier_life)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
