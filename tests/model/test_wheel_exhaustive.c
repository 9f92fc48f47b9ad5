/* A wheel of two buckets and three turns against a table of due times: every sequence of operations up to a length, from its beginning and
 * where the cursor passes 2^32.  White box: states are copied instead of being made anew, and the cursor is set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../worker/data/wheel.c"

enum { BUCKETS = 2, TURNS = 3, ENTRIES = 3, PLACES = 4 * CHUNK, LATERS = 3 };

typedef enum kind { SCHEDULE, EXPIRE_ONE, EXPIRE_ALL, TAKE, KINDS } kind;

typedef struct table {
    bool pending[ENTRIES];
    uint64_t due[ENTRIES], now;
    uint32_t count;
} table;

typedef struct state {
    struct mr_wheel wheel;
    uint32_t soon[BUCKETS], beyond[BUCKETS], place[PLACES];
    later laters[LATERS + 1];
    table naive;
} state;

static mr_wheel *wheel;
static table naive;
static uint32_t tick_ms;
static int length_max;
static uint64_t sequences;

static void keep(state *to)
{
    to->wheel = *wheel;
    memcpy(to->soon, wheel->soon, sizeof to->soon);
    memcpy(to->beyond, wheel->beyond, sizeof to->beyond);
    memcpy(to->place, wheel->place, sizeof to->place);
    memcpy(to->laters, wheel->laters, sizeof to->laters);
    to->naive = naive;
}

static void bring_back(const state *from)
{
    *wheel = from->wheel;
    memcpy(wheel->soon, from->soon, sizeof from->soon);
    memcpy(wheel->beyond, from->beyond, sizeof from->beyond);
    memcpy(wheel->place, from->place, sizeof from->place);
    memcpy(wheel->laters, from->laters, sizeof from->laters);
    naive = from->naive;
}

static void came(uint32_t handle)
{
    assert_true(handle < ENTRIES && naive.pending[handle]);
    naive.pending[handle] = false;
    naive.count--;
}

/* From a tick ago to the latest that it takes. */
static bool schedule(uint64_t number)
{
    uint32_t handle = 0;
    uint64_t due = naive.now - tick_ms + number;
    while (handle < ENTRIES && naive.pending[handle])
        handle++;
    if (handle == ENTRIES || due > mr_wheel_latest_ms(wheel))
        return false;
    mr_wheel_schedule(wheel, handle, due);
    naive.pending[handle] = true;
    naive.due[handle] = due > naive.now ? due : naive.now; /* what is overdue comes with the next tick */
    naive.count++;
    return true;
}

/* Never early, what was asked for, and when not all was asked for no more than that; nothing stays longer than a tick. */
static bool expire(uint64_t number, uint32_t max)
{
    uint32_t out[ENTRIES + 1];
    uint64_t next = mr_wheel_next_ms(wheel), last = naive.now;
    naive.now += number;
    uint32_t given = mr_wheel_expire(wheel, naive.now, out, max);
    assert_true(given <= max);
    for (uint32_t i = 0; i < given; i++) {
        assert_true(out[i] < ENTRIES && naive.due[out[i]] <= naive.now);
        came(out[i]);
    }
    assert_true(given == 0 || next <= naive.now || next <= last);
    for (uint32_t i = 0; i < ENTRIES && given < max; i++)
        assert_true(!naive.pending[i] || naive.due[i] + tick_ms > naive.now);
    return true;
}

static bool take(void)
{
    uint32_t handle;
    bool taken = mr_wheel_take(wheel, &handle);
    assert_int_equal(taken, naive.count > 0);
    if (taken)
        came(handle);
    return taken;
}

static bool operate(kind what, uint64_t number)
{
    switch (what) {
    case SCHEDULE:
        return schedule(number);
    case EXPIRE_ONE:
        return number <= 2 * tick_ms && expire(number, 1);
    case EXPIRE_ALL: /* a turn and more at once */
        return expire(number, ENTRIES + 1);
    default:
        return number == 0 && take();
    }
}

static void go_on(int length)
{
    state before;
    keep(&before);
    for (kind what = SCHEDULE; what < KINDS; what++)
        for (uint64_t number = 0; number <= (TURNS + 1) * BUCKETS * tick_ms; number++) {
            if (!operate(what, number))
                continue;
            assert_int_equal(mr_wheel_pending(wheel), naive.count);
            assert_true((mr_wheel_next_ms(wheel) == UINT64_MAX) == (naive.count == 0));
            mr_wheel_check(wheel);
            sequences++;
            if (length < length_max)
                go_on(length + 1);
            bring_back(&before);
        }
}

static void all_sequences(uint64_t first_tick, uint32_t width_ms, int length)
{
    tick_ms = width_ms;
    length_max = length;
    mr_arena *arena = mr_arena_new();
    wheel = mr_wheel_new(arena, "wheel", BUCKETS, tick_ms, ENTRIES, TURNS, 1000);
    assert_int_equal(wheel->places, PLACES);
    assert_int_equal(wheel->laters_total, LATERS);
    wheel->tick = first_tick;
    naive = (table){.now = 1000 + first_tick * tick_ms};
    sequences = 0;
    go_on(1);
    printf("%llu sequences\n", (unsigned long long)sequences);
    mr_arena_free(arena);
}

static void test_from_the_beginning(void **unused)
{
    (void)unused;
    all_sequences(0, 1, 5);
    all_sequences(0, 2, 4); /* with times between ticks */
}

/* Buckets are chosen by the low bits of a tick, and later lists by all of them: three ticks before what 32 bits hold. */
static void test_beyond_32_bits(void **unused)
{
    (void)unused;
    all_sequences((UINT64_C(1) << 32) - 3, 1, 5);
    all_sequences((UINT64_C(1) << 32) - 3, 2, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_from_the_beginning),
                                       cmocka_unit_test(test_beyond_32_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
