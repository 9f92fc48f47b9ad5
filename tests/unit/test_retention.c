/* How long a parked range stays readable: by time, by the low watermark's movement, and when nobody can know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "stages/retention.h"

#define MINUTE  UINT64_C(60000)
#define HOUR    (60 * MINUTE)
#define DAY     (24 * HOUR)
#define WALL    INT64_C(1764000000000)
#define UNKNOWN UINT64_MAX

static mr_retention retention;
static uint64_t now;

static int set_up(void **unused)
{
    (void)unused;
    retention = (mr_retention){0};
    now = 5000;
    return 0;
}

static uint64_t left(int64_t from, int64_t timestamp_ms, int64_t retention_ms)
{
    uint64_t seconds;
    mr_retention_range range = {from, timestamp_ms, retention_ms};
    return mr_retention_remaining(&retention, &range, now, WALL, &seconds) ? seconds : UNKNOWN;
}

static uint64_t left_by_movement(int64_t from)
{
    return left(from, -1, -1);
}

/* The low watermark rises by `step` every `every_ms`, as segments go; it is sampled once a minute. */
static int64_t run(int64_t low, int64_t step, uint64_t every_ms, uint64_t for_ms)
{
    uint64_t end = now + for_ms, jump = now + every_ms;
    for (mr_retention_sample(&retention, low, now); now < end;) {
        now += MINUTE;
        for (; now >= jump; jump += every_ms)
            low += step;
        mr_retention_sample(&retention, low, now);
    }
    return low;
}

static void test_by_time(void **unused)
{
    (void)unused;
    assert_int_equal(left(100, WALL - (int64_t)DAY, 7 * (int64_t)DAY), 6 * DAY / 1000);
    assert_int_equal(left(100, WALL - 7 * (int64_t)DAY + 1999, 7 * (int64_t)DAY), 1);
    assert_int_equal(left(100, WALL - 9 * (int64_t)DAY, 7 * (int64_t)DAY),
                     0); /* only its segment still keeps it */
    assert_int_equal(left(100, 0, 7 * (int64_t)DAY), 0);
    mr_retention_sample(&retention, 0, now);
    assert_int_equal(left(100, WALL, 1000), 1);
}

static void test_unknown(void **unused)
{
    (void)unused;
    assert_int_equal(left(100, -1, -1), UNKNOWN);
    assert_int_equal(left(100, WALL, -1), UNKNOWN); /* kept for ever, as far as time goes */
    assert_int_equal(left(100, -1, 1000), UNKNOWN);
    assert_int_equal(left(100, INT64_MAX, INT64_MAX), UNKNOWN);
    mr_retention_sample(&retention, -1, now);
    assert_int_equal(left(100, -1, -1), UNKNOWN);
    run(50, 0, HOUR, 5 * HOUR); /* does not move */
    assert_int_equal(left(100, -1, -1), UNKNOWN);
}

static void test_movement(void **unused)
{
    (void)unused;
    /* A hundred offsets a second, in small segments. */
    int64_t low = run(0, 6000, MINUTE, 9 * MINUTE);
    assert_int_equal(left_by_movement(1000000), UNKNOWN); /* not ten minutes yet */
    low = run(low, 6000, MINUTE, MINUTE);
    assert_int_equal(low, 60000);
    assert_int_equal(left_by_movement(1060000), 10000);
    assert_int_equal(left_by_movement(60000), 0);
    now += 5000; /* not sampled since: it goes on */
    assert_int_equal(left_by_movement(1060000), 9995);
    now += DAY;
    assert_int_equal(left_by_movement(1060000), 0);
}

/* After the pace has changed, the estimate follows within the window. */
static void test_pace_changes(void **unused)
{
    (void)unused;
    int64_t low = run(0, 60000, MINUTE, 6 * HOUR);
    assert_in_range(left_by_movement(low + 1000000), 990, 1010);
    low = run(low, 600, MINUTE, 3 * HOUR + MINUTE);
    assert_in_range(left_by_movement(low + 1000000), 99000, 101000);
    low = run(low, 0, HOUR, 4 * HOUR);
    assert_int_equal(left_by_movement(low + 1000000), UNKNOWN);
}

static void test_gone(void **unused)
{
    (void)unused;
    mr_retention_sample(&retention, 101, now);
    assert_int_equal(left(100, WALL, (int64_t)DAY), 0);
    assert_int_equal(left(101, WALL, (int64_t)DAY), DAY / 1000);
    assert_int_equal(left_by_movement(100), 0);
}

/* Kept for seven days, but the size limit eats it within the hour. */
static void test_the_sooner_counts(void **unused)
{
    (void)unused;
    int64_t low = run(0, 6000, MINUTE, 30 * MINUTE);
    assert_int_equal(left(low + 360000, WALL, 7 * (int64_t)DAY), 3600);
    assert_int_equal(left(low + 360000, WALL, 60000), 60);
}

/* One segment of five hours' events has just gone: that is no pace when better is known. */
static void test_one_jump(void **unused)
{
    (void)unused;
    run(0, 2000000, 9 * MINUTE, 12 * MINUTE);
    assert_int_equal(left(52000000, WALL - (int64_t)DAY, 7 * (int64_t)DAY), 6 * DAY / 1000);
    assert_in_range(left_by_movement(52000000), 1, HOUR * 6 / 1000); /* all that is known: rather too early */
}

/* The topic was made again: nothing of the old log counts. */
static void test_goes_back(void **unused)
{
    (void)unused;
    run(1000000, 6000, MINUTE, HOUR);
    assert_int_not_equal(left_by_movement(5000000), UNKNOWN);
    mr_retention_sample(&retention, 0, now);
    assert_int_equal(left_by_movement(5000000), UNKNOWN);
    run(0, 6000, MINUTE, 10 * MINUTE);
    assert_in_range(left_by_movement(60000 + 1000000), 9990, 10010);
}

/* Far numbers neither overflow nor divide by nothing. */
static void test_far(void **unused)
{
    (void)unused;
    mr_retention_sample(&retention, 0, now);
    now += DAY;
    mr_retention_sample(&retention, 1, now);
    assert_int_equal(left_by_movement(INT64_MAX), UNKNOWN);
    mr_retention_sample(&retention, INT64_MAX - 1, now + DAY);
    now += DAY;
    assert_int_equal(left_by_movement(INT64_MAX), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_by_time),      TEST(test_unknown),   TEST(test_movement),
        TEST(test_pace_changes), TEST(test_gone),      TEST(test_the_sooner_counts),
        TEST(test_one_jump),     TEST(test_goes_back), TEST(test_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
