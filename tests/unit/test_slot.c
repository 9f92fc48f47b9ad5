/* A slot's snapshot is read whole: one thread publishes, another reads, and never sees two moments in one (the torn snapshot that would commit past
 * what is durable).  A bell that is rung is heard. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bell.h"
#include "threads/slot.h"

enum { TIMES = 300000 };

static mr_slot slot;

static void *publish(void *context)
{
    (void)context;
    for (int64_t i = 1; i <= TIMES; i++)
        mr_slot_publish(&slot, (mr_slot_snapshot){.epoch = (uint32_t)i,
                                                  .lowest = 3 * i,
                                                  .position = 5 * i,
                                                  .quiet = i % 2,
                                                  .stopped = i % 3 == 0,
                                                  .accepting = i % 5 == 0});
    return NULL;
}

static void test_never_torn(void **state)
{
    (void)state;
    pthread_t writer;
    uint32_t last = 0;
    assert_int_equal(pthread_create(&writer, NULL, publish, NULL), 0);
    while (last < TIMES) {
        mr_slot_snapshot now = mr_slot_read(&slot);
        int64_t i = now.epoch;
        assert_true(now.epoch >= last);
        assert_true(now.lowest == 3 * i && now.position == 5 * i);
        assert_true(i == 0 ||
                    (now.quiet == (i % 2) && now.stopped == (i % 3 == 0) && now.accepting == (i % 5 == 0)));
        last = now.epoch;
    }
    pthread_join(writer, NULL);
}

static _Atomic int handed;
static mr_bell bell;

static void *ring(void *context)
{
    (void)context;
    for (int i = 0; i < TIMES / 10; i++) {
        atomic_fetch_add(&handed, 1);
        mr_bell_ring(&bell);
    }
    return NULL;
}

/* With sleeps that would last a minute: one lost wake-up and the test does not end in its time. */
static void test_no_lost_ring(void **state)
{
    (void)state;
    pthread_t ringer;
    int seen = 0;
    assert_true(mr_bell_init(&bell));
    assert_int_equal(pthread_create(&ringer, NULL, ring, NULL), 0);
    while (seen < TIMES / 10) {
        int now = atomic_load(&handed);
        if (now > seen) {
            seen = now;
            continue;
        }
        mr_bell_announce(&bell);
        if (atomic_load(&handed) > seen)
            mr_bell_stay(&bell);
        else
            mr_bell_sleep(&bell, 60000);
    }
    pthread_join(ringer, NULL);
    mr_bell_close(&bell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_never_torn),
                                       cmocka_unit_test(test_no_lost_ring)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
