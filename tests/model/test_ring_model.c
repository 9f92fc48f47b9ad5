/* The ring against a plain queue, across the wrap of its counters, and between two real threads.  White box: the counters are set. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../worker/data/ring.c"
#include "model.h"

enum { CAPACITY = 8, STEPS = 300000, HANDED_OVER = 2000000 };

static void test_random(void **state)
{
    (void)state;
    model_seed("ring");
    mr_arena *arena = mr_arena_new();
    mr_ring *ring = mr_ring_new(arena, "ring", CAPACITY);
    uint32_t queue[CAPACITY], first = 0, count = 0, next = 1, got;
    uint32_t mark = 0, before = 0; /* of what the mark stands behind, so many are left */
    /* Soon over the top. */
    ring->head = ring->tail = ring->head_seen = ring->tail_seen = UINT32_MAX - 1000;
    for (int i = 0; i < STEPS; i++) {
        assert_int_equal(mr_ring_used(ring), count);
        if (i % 16 == 0) {
            mark = mr_ring_mark(ring);
            before = count;
        }
        assert_int_equal(mr_ring_is_past(ring, mark), before == 0);
        if (model_below(2) && count < CAPACITY) {
            mr_ring_push(ring, next);
            queue[(first + count++) % CAPACITY] = next++;
        } else if (count > 0) {
            assert_true(mr_ring_pop(ring, &got));
            assert_int_equal(got, queue[first]);
            first = (first + 1) % CAPACITY;
            count--;
            before -= before > 0;
        } else {
            assert_false(mr_ring_pop(ring, &got));
        }
        mr_ring_check(ring);
    }
    assert_true(ring->tail < UINT32_MAX / 2); /* it did wrap */
    mr_arena_free(arena);
}

static void *push_all(void *context)
{
    mr_ring *ring = context;
    for (uint32_t i = 1; i <= HANDED_OVER; i++) {
        while (mr_ring_used(ring) == CAPACITY)
            ;
        mr_ring_push(ring, i);
    }
    return NULL;
}

static void test_two_threads(void **state)
{
    (void)state;
    pthread_t producer;
    mr_arena *arena = mr_arena_new();
    mr_ring *ring = mr_ring_new(arena, "ring", CAPACITY);
    assert_int_equal(pthread_create(&producer, NULL, push_all, ring), 0);
    for (uint32_t expected = 1, got; expected <= HANDED_OVER;)
        if (mr_ring_pop(ring, &got))
            assert_int_equal(got, expected++);
    pthread_join(producer, NULL);
    assert_int_equal(mr_ring_used(ring), 0);
    mr_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_two_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
