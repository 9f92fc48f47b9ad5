/* The ring of samples: rates and means by hand, steps without a look, and what is older than the ring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "stages/history.h"

static mr_history history;
static mr_history_totals totals;

static int set_up(void **unused)
{
    (void)unused;
    memset(&history, 0, sizeof history);
    memset(&totals, 0, sizeof totals);
    return 0;
}

static const mr_history_sample *last(void)
{
    return mr_history_at(&history, history.count - 1);
}

static void test_rates(void **unused)
{
    (void)unused;
    totals.rows = 1000000; /* before the first look: no rate is known of them */
    mr_history_take(&history, 10500, &totals);
    assert_int_equal(history.count, 0);
    totals.rows += 3000;
    totals.aged = 4;
    totals.age_ms = 100;
    totals.lag = 77;
    mr_history_take(&history, 11900, &totals); /* still the same step */
    assert_int_equal(history.count, 0);
    mr_history_take(&history, 12000, &totals);
    assert_int_equal(history.count, 1);
    assert_int_equal(last()->rows_per_s, 2000); /* 3,000 in 1.5 s */
    assert_true(last()->has_age);
    assert_int_equal(last()->age_ms, 25);
    assert_int_equal(last()->lag, 77);
    totals.lag = 5;
    mr_history_take(&history, 14000, &totals);
    assert_int_equal(history.count, 2);
    assert_int_equal(last()->rows_per_s, 0);
    assert_false(last()->has_age);
    assert_int_equal(last()->lag, 5);
    assert_int_equal(mr_history_at(&history, 0)->rows_per_s, 2000);
}

/* Main was busy for three steps: all of them have the mean, and the time that a sample stands for stays the same. */
static void test_late(void **unused)
{
    (void)unused;
    mr_history_take(&history, 20000, &totals);
    totals.rows = 600;
    mr_history_take(&history, 26000, &totals);
    assert_int_equal(history.count, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(mr_history_at(&history, i)->rows_per_s, 100);
    mr_history_take(&history, 25000, &totals); /* never back */
    assert_int_equal(history.count, 3);
    totals.rows += 1000;
    mr_history_take(&history, 26000 + 3600000, &totals); /* a machine that slept */
    assert_int_equal(history.count, MR_HISTORY_SAMPLES);
    assert_int_equal(mr_history_at(&history, 0)->rows_per_s, 0);
    assert_int_equal(last()->rows_per_s, 0);
}

static void test_ring(void **unused)
{
    (void)unused;
    uint32_t first = 1000;
    mr_history_take(&history, first * 2000, &totals);
    for (uint32_t i = 1; i <= MR_HISTORY_SAMPLES + 7; i++) {
        totals.rows += 2 * i; /* i a second */
        mr_history_take(&history, (first + i) * 2000, &totals);
    }
    assert_int_equal(history.count, MR_HISTORY_SAMPLES);
    for (uint32_t i = 0; i < MR_HISTORY_SAMPLES; i++)
        assert_int_equal(mr_history_at(&history, i)->rows_per_s, 8 + i);
}

static void test_letters(void **unused)
{
    (void)unused;
    totals.letters[MR_REASON_DB] = 2; /* in the first moment */
    mr_history_take(&history, 2000, &totals);
    assert_int_equal(mr_history_letters(&history, MR_REASON_DB), 2);
    for (uint32_t i = 0; i < MR_HISTORY_SAMPLES - 1; i++) {
        totals.letters[MR_REASON_DB]++;
        mr_history_take(&history, 4000 + i * 2000, &totals);
    }
    assert_int_equal(mr_history_letters(&history, MR_REASON_DB), 2 + MR_HISTORY_SAMPLES - 1);
    for (uint32_t i = 0; i < MR_HISTORY_SAMPLES; i++) {
        totals.letters[MR_REASON_TOMBSTONE] = 9;
        mr_history_take(&history, 4000 + (MR_HISTORY_SAMPLES + i) * 2000, &totals);
    }
    assert_int_equal(mr_history_letters(&history, MR_REASON_DB), 0); /* all long ago */
    assert_int_equal(mr_history_letters(&history, MR_REASON_TOMBSTONE), 0);
    assert_int_equal(mr_history_letters(&history, MR_REASON_EMPTY), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_rates), TEST(test_late), TEST(test_ring),
                                       TEST(test_letters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
