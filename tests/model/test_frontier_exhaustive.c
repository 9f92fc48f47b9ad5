/* The frontier against the table of what is outstanding: every sequence of operations up to a length, with four holds at a time on a few
 * offsets, two lanes, and lives that end with holds left over.  White box: states are copied instead of being made anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../worker/data/frontier.c"

enum { SLOTS = 1, HOLDS = 4, LANES = 2, OFFSETS = 5, LENGTH = 7 };

#include "frontier_naive.h"

typedef enum kind { OPEN_OR_CLOSE, ADVANCE, HOLD, HOLD_BEHIND, COVER, RELEASE, KINDS } kind;

typedef struct state {
    struct mr_frontier frontier;
    life lives[SLOTS];
    hold holds[HOLDS];
    model naive;
} state;

static mr_frontier *frontier;
static model naive;
static uint64_t sequences;

static void keep(state *to)
{
    to->frontier = *frontier;
    memcpy(to->lives, frontier->lives, sizeof to->lives);
    memcpy(to->holds, frontier->holds, sizeof to->holds);
    to->naive = naive;
}

static void bring_back(const state *from)
{
    *frontier = from->frontier;
    memcpy(frontier->lives, from->lives, sizeof from->lives);
    memcpy(frontier->holds, from->holds, sizeof from->holds);
    naive = from->naive;
}

/* ---- operations; false: not possible in this state ---- */

static bool open_or_close(void)
{
    if (naive.open[0]) {
        mr_frontier_close(frontier, 0);
    } else {
        naive.position[0] = 1;
        assert_int_equal(mr_frontier_open(frontier, 0, 1), ++naive.epoch[0]);
    }
    naive.open[0] = !naive.open[0];
    return true;
}

static bool advance_to(int64_t position)
{
    if (position > OFFSETS)
        return false;
    naive.position[0] = position;
    mr_frontier_advance(frontier, 0, position);
    return true;
}

static bool take(int64_t offset, uint32_t lane, bool behind)
{
    mr_hold_for what = {.lane = lane, .owner = (uint32_t)offset, .chain = lane};
    if (naive.held == HOLDS || offset >= OFFSETS || (behind && offset > naive.position[0]))
        return false;
    uint32_t at = behind ? mr_frontier_hold_behind(frontier, 0, offset, what)
                         : mr_frontier_hold(frontier, 0, offset, what);
    assert_true(at < HOLDS && !naive.holds[at].used);
    naive.holds[at] = (outstanding){
        .used = true, .epoch = naive.epoch[0], .taken = ++naive.taken, .offset = offset, .what = what};
    naive.held++;
    return behind ? true : advance_to(offset + 1);
}

static bool cover(uint32_t lane)
{
    int64_t least = -1;
    for (uint32_t i = 0; i < HOLDS; i++)
        if (counts(&naive, i) && naive.holds[i].what.lane == lane) {
            least = least < 0 || naive.holds[i].offset < least ? naive.holds[i].offset : least;
            naive.holds[i].covered = true;
        }
    assert_true(mr_frontier_cover(frontier, 0, lane) == least);
    return true;
}

static bool release(uint32_t at)
{
    if (at >= HOLDS || !naive.holds[at].used)
        return false;
    mr_frontier_release(frontier, at);
    naive.holds[at].used = false;
    naive.held--;
    return true;
}

static bool operate(kind what, int64_t number, uint32_t lane)
{
    if (what == RELEASE)
        return lane == 0 && release((uint32_t)number);
    if (what == OPEN_OR_CLOSE)
        return number == 0 && lane == 0 && open_or_close();
    if (!naive.open[0])
        return false;
    switch (what) {
    case ADVANCE:
        return number == 0 && lane == 0 && advance_to(naive.position[0] + 1);
    case HOLD: /* at the position, or behind a hole */
        return number < 2 && take(naive.position[0] + number, lane, false);
    case HOLD_BEHIND:
        return take(lowest(&naive, 0) + number, lane, true);
    default:
        return number == 0 && cover(lane);
    }
}

static void go_on(int length)
{
    state before;
    keep(&before);
    for (kind what = OPEN_OR_CLOSE; what < KINDS; what++)
        for (int64_t number = 0; number < OFFSETS; number++)
            for (uint32_t lane = 0; lane < LANES; lane++) {
                if (!operate(what, number, lane))
                    continue;
                compare(frontier, &naive);
                mr_frontier_check(frontier);
                sequences++;
                if (length < LENGTH)
                    go_on(length + 1);
                bring_back(&before);
            }
}

static void test_all_sequences(void **unused)
{
    (void)unused;
    mr_arena *arena = mr_arena_new();
    frontier = mr_frontier_new(arena, "frontier", SLOTS, HOLDS);
    go_on(1);
    printf("%llu sequences\n", (unsigned long long)sequences);
    mr_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_sequences)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
