/* The ring between its two threads in every order and with every stale value that C11 allows (explore.h has the model and its limits), at
 * sizes 1, 2 and 4, across the wrap of the counters: no handle lost, doubled or out of order, what it names is visible, and no slot is
 * written while it is still to be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "explore.h"

enum { SLOTS_MAX = 4, HANDLES = 16 };

/* `ring.c` tells of its counters: head goes up behind the read of a slot, tail behind a write. */
static void counter_moves(const volatile void *at, uint64_t to);
#undef atomic_store_explicit
#define atomic_store_explicit(at, value, order)                                                              \
    (counter_moves((at), (value)), explore_store((at), sizeof *(at), (uint64_t)(value), (order)))

#include "../../worker/data/ring.c"

static mr_ring rings[2]; /* there and back */
static uint32_t slots[2][SLOTS_MAX];
static char named[HANDLES], slot_read[2][SLOTS_MAX];
static uint32_t mask, sent, got;
static uint32_t tries;

static void counter_moves(const volatile void *at, uint64_t to)
{
    for (int i = 0; i < 2; i++) {
        const char *slot = &slot_read[i][((uint32_t)to - 1) & mask];
        if (at == &rings[i].head)
            explore_wrote(slot);
        else if (at == &rings[i].tail)
            explore_reads(slot);
    }
}

static void begin(void)
{
    sent = got = 0;
    for (int i = 0; i < 2; i++) {
        uint32_t at = UINT32_MAX; /* the second push wraps */
        rings[i] = (mr_ring){.head_seen = at, .tail_seen = at, .mask = mask, .slots = slots[i]};
        atomic_init(&rings[i].head, at);
        atomic_init(&rings[i].tail, at);
        memset(slots[i], 0xee, sizeof slots[i]);
    }
}

static void send_next(void)
{
    explore_wrote(&named[sent]);
    mr_ring_push(&rings[0], sent++);
}

/* Whether it has got one. */
static bool take_next(void)
{
    uint32_t handle;
    if (!mr_ring_pop(&rings[0], &handle))
        return false;
    if (handle != got)
        explore_fail("another handle than the next one");
    explore_reads(&named[got++]);
    return true;
}

static void check_all_there(void)
{
    if (mr_ring_used(&rings[0]) != sent - got)
        explore_fail("the number of handles is wrong");
    while (take_next())
        ;
    if (got != sent)
        explore_fail("a handle is lost");
}

/* ---- as long as there is room ---- */

static void push_some(void)
{
    for (uint32_t i = 0; i < tries; i++)
        if (mr_ring_used(&rings[0]) <= mask)
            send_next();
}

static void pop_some(void)
{
    for (uint32_t i = 0; i < tries; i++)
        take_next();
}

/* ---- as the threads do: all handles that exist fit, and come back through another ring ---- */

static void push_returned(void)
{
    uint32_t handle;
    for (uint32_t i = 0; i <= mask; i++)
        send_next();
    for (uint32_t i = 0; i < tries; i++)
        if (mr_ring_pop(&rings[1], &handle))
            send_next();
}

static void pop_and_return(void)
{
    for (uint32_t i = 0; i < tries; i++)
        if (take_next())
            mr_ring_push(&rings[1], got - 1);
}

static void run(const char *name, void (*producer)(void), void (*consumer)(void), uint32_t size,
                uint32_t count)
{
    explore_test test = {
        .threads = 2, .begin = begin, .thread = {producer, consumer}, .end = check_all_there};
    mask = size - 1;
    tries = count;
    const char *failure = explore(name, &test);
    if (failure)
        fail_msg("%s, size %u: %s", name, size, failure);
}

static void test_room(void **state)
{
    (void)state;
    run("room, size 1", push_some, pop_some, 1, 4);
    run("room, size 2", push_some, pop_some, 2, 4);
    run("room, size 4", push_some, pop_some, 4, 5);
}

static void test_returned(void **state)
{
    (void)state;
    run("returned, size 1", push_returned, pop_and_return, 1, 3);
    run("returned, size 2", push_returned, pop_and_return, 2, 4);
    run("returned, size 4", push_returned, pop_and_return, 4, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_room), cmocka_unit_test(test_returned)};
    return explore_possible() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
