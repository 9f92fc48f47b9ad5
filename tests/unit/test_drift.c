/* The drift guard: its edges, and random sequences against a list of verdicts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stages/drift.h"
#include "tests/model/model.h"

/* ---- the naive one: all verdicts ever, one by one ---- */

enum { VERDICTS_MAX = 1 << 20 };

static bool verdicts[VERDICTS_MAX];
static uint32_t verdict_count;

static void naive_count(uint32_t refused, uint32_t rows)
{
    uint32_t kept = rows < MR_DRIFT_WINDOW ? rows : MR_DRIFT_WINDOW, said = 0;
    uint32_t bad = (refused * kept + rows - 1) / (rows ? rows : 1);
    for (uint32_t i = 1; i <= kept; i++) { /* as soon as so many are due */
        bool next = said < i * bad / kept;
        verdicts[verdict_count++] = next;
        said += next;
    }
}

static bool naive_exceeds(uint32_t percent, uint32_t refused, uint32_t rows)
{
    uint32_t bad = refused, of = rows;
    for (uint32_t at = verdict_count; at > 0 && of < MR_DRIFT_WINDOW; at--) {
        of++;
        bad += verdicts[at - 1];
    }
    if (of < MR_DRIFT_LEAST)
        of = MR_DRIFT_LEAST;
    return percent != 100 && (double)bad / of > percent / 100.0 + 1e-9;
}

/* ---- tests ---- */

static mr_drift drift;

static void test_first_verdicts(void **state)
{
    (void)state;
    mr_drift_init(&drift, 50);
    assert_false(mr_drift_exceeds(&drift, 0, 0));
    assert_false(mr_drift_exceeds(&drift, 1, 1));
    assert_false(mr_drift_exceeds(&drift, 10, 10)); /* 10 of 20 */
    assert_true(mr_drift_exceeds(&drift, 11, 11));
    mr_drift_count(&drift, 10, 10);
    assert_true(mr_drift_exceeds(&drift, 1, 1));
    assert_false(mr_drift_exceeds(&drift, 0, 1));
    mr_drift_count(&drift, 0, 10);
    assert_true(mr_drift_exceeds(&drift, 1, 1));  /* 11 of 21 */
    assert_false(mr_drift_exceeds(&drift, 1, 2)); /* 11 of 22 */
}

static void test_off(void **state)
{
    (void)state;
    mr_drift_init(&drift, 100);
    for (uint32_t rows = 0; rows < 300; rows++) {
        assert_false(mr_drift_exceeds(&drift, rows, rows));
        mr_drift_count(&drift, rows, rows);
    }
    mr_drift_init(&drift, 99); /* not off */
    assert_true(mr_drift_exceeds(&drift, 100, 100));
    assert_false(mr_drift_exceeds(&drift, 99, 100));
}

static void test_one_percent(void **state)
{
    (void)state;
    mr_drift_init(&drift, 1);
    assert_true(mr_drift_exceeds(&drift, 1, 1)); /* 1 of 20 */
    assert_true(mr_drift_exceeds(&drift, 1, 99));
    assert_false(mr_drift_exceeds(&drift, 1, 100));
    mr_drift_count(&drift, 0, 100);
    assert_false(mr_drift_exceeds(&drift, 1, 1));
    mr_drift_count(&drift, 1, 1);
    assert_true(mr_drift_exceeds(&drift, 1, 1));
    assert_true(mr_drift_exceeds(&drift, 1, 99));   /* the one before it is just in the window */
    assert_false(mr_drift_exceeds(&drift, 1, 100)); /* and no longer */
    assert_true(mr_drift_exceeds(&drift, 2, 199));
    assert_false(mr_drift_exceeds(&drift, 2, 200));
}

static void test_large_batches(void **state)
{
    (void)state;
    mr_drift_init(&drift, 50);
    assert_false(mr_drift_exceeds(&drift, 2500, 5000));
    assert_true(mr_drift_exceeds(&drift, 2501, 5000));
    assert_false(mr_drift_exceeds(&drift, UINT32_MAX / 2, UINT32_MAX)); /* no overflow */
    assert_true(mr_drift_exceeds(&drift, UINT32_MAX / 2 + 1, UINT32_MAX));
    for (uint32_t i = 0; i < 3; i++) { /* what was before does not matter to a batch of the window's size */
        mr_drift_count(&drift, 100 * (i % 2), 100);
        assert_false(mr_drift_exceeds(&drift, 50, 100));
        assert_true(mr_drift_exceeds(&drift, 51, 100));
    }
    mr_drift_count(&drift, 100, 100);
    mr_drift_count(&drift, 0, UINT32_MAX);
    assert_false(mr_drift_exceeds(&drift, 50, 50));
    assert_true(mr_drift_exceeds(&drift, 51, 51));
}

/* Few refused ones of a large batch do not stay behind alone. */
static void test_spread(void **state)
{
    (void)state;
    mr_drift_init(&drift, 50);
    mr_drift_count(&drift, 100, 2048);
    for (uint32_t rows = 2; rows < 100; rows++) {
        assert_false(mr_drift_exceeds(&drift, 0, rows));
        assert_false(mr_drift_exceeds(&drift, 1, rows));
    }
}

static void test_forget(void **state)
{
    (void)state;
    mr_drift_init(&drift, 50);
    mr_drift_count(&drift, 99, 99);
    assert_true(mr_drift_exceeds(&drift, 1, 1));
    mr_drift_forget(&drift);
    assert_int_equal(drift.percent, 50);
    assert_false(mr_drift_exceeds(&drift, 10, 10));
    assert_true(mr_drift_exceeds(&drift, 11, 11));
}

/* After drift few verdicts say enough, until some are released. */
static void test_suspect(void **state)
{
    (void)state;
    mr_drift_init(&drift, 50);
    mr_drift_count(&drift, 99, 99);
    mr_drift_suspect(&drift);
    assert_true(mr_drift_exceeds(&drift, 1, 1) && mr_drift_exceeds(&drift, 3, 5));
    assert_false(mr_drift_exceeds(&drift, 0, 1) || mr_drift_exceeds(&drift, 2, 4));
    mr_drift_count(&drift, 2, 4);
    assert_false(mr_drift_exceeds(&drift, 8, 8));
    mr_drift_init(&drift, 100);
    mr_drift_suspect(&drift);
    assert_false(mr_drift_exceeds(&drift, 5, 5));
}

static uint32_t some_rows(void)
{
    static const uint32_t edges[] = {0, 1, 19, 20, 21, 36, 63, 64, 65, 99, 100, 101, 127, 128, 129, 2048};
    switch (model_below(4)) {
    case 0:
        return edges[model_below(sizeof edges / sizeof *edges)];
    case 1:
        return model_below(140);
    default:
        return model_below(12);
    }
}

static uint32_t some_refused(uint32_t rows)
{
    switch (model_below(4)) {
    case 0:
        return 0;
    case 1:
        return rows;
    default:
        return model_below(rows + 1);
    }
}

static void test_random(void **state)
{
    (void)state;
    uint32_t answers[2] = {0, 0};
    model_seed("test_drift");
    for (int i = 0; i < 3000; i++) {
        uint32_t percent = model_below(3) ? 50 : 1 + model_below(100);
        mr_drift_init(&drift, percent);
        verdict_count = 0;
        for (int turn = 0; turn < 60; turn++) {
            uint32_t rows = some_rows(), refused = some_refused(rows);
            for (uint32_t n = 0; n <= rows && n < 140; n++) {
                bool answer = mr_drift_exceeds(&drift, n, rows);
                assert_int_equal(answer, naive_exceeds(percent, n, rows));
                answers[answer]++;
            }
            mr_drift_count(&drift, refused, rows);
            naive_count(refused, rows);
            if (model_below(40) == 0) {
                mr_drift_forget(&drift);
                verdict_count = 0;
            }
        }
    }
    printf("%u not too much, %u too much\n", answers[0], answers[1]);
    assert_true(answers[0] > 1000 && answers[1] > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_verdicts), cmocka_unit_test(test_off),
        cmocka_unit_test(test_one_percent),    cmocka_unit_test(test_large_batches),
        cmocka_unit_test(test_forget),         cmocka_unit_test(test_suspect),
        cmocka_unit_test(test_spread),         cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
