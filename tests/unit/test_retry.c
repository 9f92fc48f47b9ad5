/* Backoff: bounds, spread, attempts without end; and the way through the wheel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "stages/retry.h"

static mr_arena *arena;
static mr_retry retry;

static int set_up(void **unused)
{
    (void)unused;
    arena = mr_arena_new();
    return arena ? 0 : 1;
}

static int tear_down(void **unused)
{
    (void)unused;
    mr_arena_free(arena);
    return 0;
}

static void start(uint32_t min_ms, uint32_t max_ms, uint64_t seed)
{
    mr_config config = {.retry = {.tick_ms = 100, .backoff_min_ms = min_ms, .backoff_max_ms = max_ms}};
    mr_retry_init(&retry, &config, arena, 1000, seed, 5000);
}

static void test_bounds(void **unused)
{
    (void)unused;
    start(100, 60000, 1);
    for (uint32_t attempt = 0; attempt < 80; attempt++) {
        uint64_t most = attempt < 20 ? UINT64_C(100) << attempt : 60000;
        most = most < 60000 ? most : 60000;
        for (int i = 0; i < 2000; i++) {
            uint32_t delay = mr_retry_delay_ms(&retry, attempt);
            assert_true(delay >= 100 && delay <= most);
        }
    }
    assert_in_range(mr_retry_delay_ms(&retry, UINT32_MAX), 100, 60000);
}

static void test_odd_limits(void **unused)
{
    (void)unused;
    static const struct {
        uint32_t min_ms, max_ms, least, most;
    } all[] = {{100, 100, 100, 100}, {100, 50, 100, 100}, {1, 2, 1, 2},
               {0, 10, 0, 10},       {0, 0, 0, 0},        {3600000, 86400000, 3600000, 86400000}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        start(all[i].min_ms, all[i].max_ms, i);
        for (uint32_t attempt = 1; attempt < 100; attempt++)
            assert_in_range(mr_retry_delay_ms(&retry, attempt), all[i].least, all[i].most);
        assert_in_range(mr_retry_delay_ms(&retry, UINT32_MAX), all[i].least, all[i].most);
    }
}

/* Uniform between the floor and the most: each tenth gets its share, both ends are reached. */
static void test_distribution(void **unused)
{
    (void)unused;
    enum { DRAWS = 200000 };
    unsigned tenth[10] = {0}, first = 0, last = 0;
    start(100, 1099, 42);
    for (int i = 0; i < DRAWS; i++) {
        uint32_t delay = mr_retry_delay_ms(&retry, 30);
        tenth[(delay - 100) / 100]++;
        first += delay == 100;
        last += delay == 1099;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(tenth[i], DRAWS / 10 - 800, DRAWS / 10 + 800); /* six sigma */
    assert_true(first > 0 && last > 0);
}

static void test_seed(void **unused)
{
    (void)unused;
    uint32_t first[50];
    start(100, 60000, 7);
    for (int i = 0; i < 50; i++)
        first[i] = mr_retry_delay_ms(&retry, 9);
    start(100, 60000, 7);
    for (int i = 0; i < 50; i++)
        assert_int_equal(mr_retry_delay_ms(&retry, 9), first[i]);
    start(100, 60000, 8);
    unsigned same = 0;
    for (int i = 0; i < 50; i++)
        same += mr_retry_delay_ms(&retry, 9) == first[i];
    assert_true(same < 10);
}

static void test_through_the_wheel(void **unused)
{
    (void)unused;
    uint32_t handle;
    uint64_t due_ms[1000];
    start(100, 60000, 3);
    for (uint32_t i = 0; i < 1000; i++)
        due_ms[i] = mr_retry_schedule(&retry, i, 1 + i % 12, 5000);
    assert_int_equal(mr_wheel_pending(retry.wheel), 1000);
    assert_int_equal(mr_wheel_expire(retry.wheel, 5099, &handle, 1), 0);
    unsigned seen[1000] = {0}, count = 0;
    for (uint64_t now = 5100; now <= 65100; now += 100) /* max, and a tick */
        while (mr_wheel_expire(retry.wheel, now, &handle, 1) == 1) {
            assert_true(now >= due_ms[handle] && now < due_ms[handle] + 100);
            seen[handle]++;
            count++;
        }
    assert_int_equal(count, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(seen[i], 1);
}

/* The process stood still for a day with something pending: retries are scheduled all the same. */
static void test_far_behind(void **unused)
{
    (void)unused;
    uint32_t handle;
    uint64_t now = 5000 + 86400000;
    start(100, 60000, 4);
    mr_retry_schedule(&retry, 1, 1, 5000);
    for (uint32_t i = 2; i < 500; i++)
        assert_true(mr_retry_schedule(&retry, i, 10, now) <= mr_wheel_latest_ms(retry.wheel));
    mr_wheel_check(retry.wheel);
    unsigned count = 0;
    while (mr_wheel_expire(retry.wheel, now + 60100, &handle, 1) == 1)
        count++;
    assert_int_equal(count, 499);
    mr_retry_schedule(&retry, 1, 10, now + 60100); /* caught up: backoff again */
    assert_int_equal(mr_wheel_expire(retry.wheel, now + 60199, &handle, 1), 0);
    assert_int_equal(mr_wheel_expire(retry.wheel, now + 120300, &handle, 1), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bounds), TEST(test_odd_limits),        TEST(test_distribution),
        TEST(test_seed),   TEST(test_through_the_wheel), TEST(test_far_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
