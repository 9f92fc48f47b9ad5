/* The wheel: against a table of due times, and 10 million entries that each come once, never early, at most a tick late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "data/wheel.h"
#include "model.h"

enum { BUCKETS = 16, TICK = 10, TURNS = 4, CAPACITY = 500, STEPS = 100000 };

static uint64_t due_at[CAPACITY]; /* 0: not pending */
static uint32_t pending;

static void came(uint32_t handle)
{
    assert_true(handle < CAPACITY && due_at[handle] != 0);
    due_at[handle] = 0;
    pending--;
}

/* Also in the past, and up to the last turn. */
static uint64_t some_time(uint64_t now)
{
    return now + model_below(BUCKETS * TICK * (TURNS - 1)) - model_below(20);
}

static void schedule(mr_wheel *wheel, uint32_t handle, uint64_t due, uint64_t now)
{
    if (due_at[handle] != 0)
        return;
    due_at[handle] = due < mr_wheel_latest_ms(wheel) ? due : mr_wheel_latest_ms(wheel);
    mr_wheel_schedule(wheel, handle, due_at[handle]);
    due_at[handle] =
        due_at[handle] > now ? due_at[handle] : now; /* what is overdue comes with the next tick */
    pending++;
}

/* Everything that is not pending, at one time: a list of many chunks. */
static void crowd(mr_wheel *wheel, uint64_t now)
{
    uint64_t due = some_time(now);
    for (uint32_t handle = 0; handle < CAPACITY; handle++)
        schedule(wheel, handle, due, now);
}

/* Time goes on; sometimes not all that is due is asked for. */
static void expire(mr_wheel *wheel, uint64_t *now)
{
    uint64_t next = mr_wheel_next_ms(wheel), last = *now;
    *now += model_below(50) == 0 ? model_below(3 * BUCKETS * TICK) : model_below(2 * TICK);
    uint32_t out[7], max = 1 + model_below(7), count, given = 0;
    bool all = model_below(4) != 0;
    do {
        count = mr_wheel_expire(wheel, *now, out, max);
        given += count;
        for (uint32_t k = 0; k < count; k++) {
            assert_true(out[k] < CAPACITY && due_at[out[k]] <= *now);
            came(out[k]);
        }
    } while (all && count == max);
    assert_true(given == 0 || next <= *now || next <= last); /* next was a lower bound */
    for (uint32_t k = 0; count < max && k < CAPACITY; k++)
        assert_true(due_at[k] == 0 || due_at[k] + TICK > *now); /* nothing is later than a tick */
}

/* As a shard is parked: a few or all, whenever they are due. */
static void take(mr_wheel *wheel)
{
    uint32_t handle, most = model_below(10) ? model_below(8) : UINT32_MAX;
    for (uint32_t i = 0; i < most; i++) {
        bool more = mr_wheel_take(wheel, &handle);
        assert_int_equal(more, pending > 0);
        if (!more)
            break;
        came(handle);
        assert_int_equal(mr_wheel_pending(wheel), pending);
    }
}

static void test_random(void **state)
{
    (void)state;
    model_seed("wheel");
    mr_arena *arena = mr_arena_new();
    uint64_t now = 1000003;
    mr_wheel *wheel = mr_wheel_new(arena, "wheel", BUCKETS, TICK, CAPACITY, TURNS, now);
    for (int i = 0, rounds = model_rounds(STEPS); i < rounds; i++) {
        uint32_t what = model_below(30);
        if (model_below(1000) == 0)
            crowd(wheel, now);
        else if (what < 20)
            schedule(wheel, model_below(CAPACITY), some_time(now), now);
        else if (what < 29)
            expire(wheel, &now);
        else
            take(wheel);
        assert_int_equal(mr_wheel_pending(wheel), pending);
        if (pending == 0)
            assert_true(mr_wheel_next_ms(wheel) == UINT64_MAX);
        if (i % 32 == 0)
            mr_wheel_check(wheel);
    }
    mr_arena_free(arena);
}

/* Giving up all of a full wheel, also what is being given out and what lies turns ahead: each handle once, and the wheel is as new. */
static void test_take_all(void **state)
{
    (void)state;
    mr_arena *arena = mr_arena_new();
    mr_wheel *wheel = mr_wheel_new(arena, "wheel", BUCKETS, TICK, CAPACITY, TURNS, 0);
    uint64_t now = 0;
    for (uint32_t round = 0; round < 3; round++) {
        bool seen[CAPACITY] = {false};
        uint32_t handle, count = 0;
        assert_false(mr_wheel_take(wheel, &handle));
        for (uint32_t i = 0; i < CAPACITY; i++)
            mr_wheel_schedule(wheel, i, now + i % (BUCKETS * TICK * TURNS));
        now += 3 * TICK;
        assert_int_equal(mr_wheel_expire(wheel, now, &handle, 1), 1); /* the rest of its bucket is due */
        seen[handle] = true;
        while (mr_wheel_take(wheel, &handle)) {
            assert_true(handle < CAPACITY && !seen[handle]);
            seen[handle] = true;
            count++;
            mr_wheel_check(wheel);
        }
        assert_int_equal(count, CAPACITY - 1);
        assert_int_equal(mr_wheel_expire(wheel, now += BUCKETS * TICK * TURNS, &handle, 1), 0);
    }
    mr_arena_free(arena);
}

static void test_ten_million(void **state)
{
    (void)state;
    enum { WIDE = 4096, SECOND = 1000 };
    const uint32_t entries = (uint32_t)model_rounds(10000000);
    mr_arena *arena = mr_arena_new();
    uint32_t *due = mr_arena_take(arena, "due", entries, sizeof *due); /* in ms */
    mr_wheel *wheel = mr_wheel_new(arena, "wheel", WIDE, SECOND, entries, 2, 0);
    static uint32_t out[1024];
    uint64_t early = 0, late = 0, given = 0;
    model_seed("ten million");
    for (uint32_t i = 0; i < entries; i++) {
        due[i] = 1 + model_below(2 * WIDE * SECOND - SECOND); /* half of them beyond the horizon */
        mr_wheel_schedule(wheel, i, due[i]);
    }
    for (uint64_t now = 0; given < entries; now += 333) {
        uint32_t count;
        while ((count = mr_wheel_expire(wheel, now, out, 1024)) > 0)
            for (uint32_t k = 0; k < count; k++, given++) {
                uint32_t at = due[out[k]];
                assert_int_not_equal(at, 0); /* once */
                due[out[k]] = 0;
                early += at > now;
                late += at + SECOND + 333 < now;
            }
        assert_true(now < 3 * (uint64_t)WIDE * SECOND);
    }
    assert_true(early == 0);
    assert_true(late == 0);
    assert_int_equal(mr_wheel_pending(wheel), 0);
    mr_wheel_check(wheel);
    mr_arena_free(arena);
}

/* The account of the design: at most 4.3 bytes for each of 10 million entries within the horizon. */
static void test_bytes_per_entry(void **state)
{
    (void)state;
    mr_arena *arena = mr_arena_new();
    mr_wheel *wheel = mr_wheel_new(arena, "wheel", 4096, 1000, 10000000, 1, 0);
    assert_true((double)mr_wheel_bytes(wheel) / 10000000 <= 4.3);
    mr_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_take_all),
                                       cmocka_unit_test(test_ten_million),
                                       cmocka_unit_test(test_bytes_per_entry)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
