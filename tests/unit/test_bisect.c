/* Bisection against a recursion that says the same in its plainest form: the same ranges tried in the same order, the same rows found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stages/bisect.h"
#include "tests/model/model.h"

enum { MOST = 2048 };

static bool bad[MOST];

static uint32_t bad_in(uint32_t from, uint32_t to)
{
    uint32_t count = 0;
    for (uint32_t row = from; row < to; row++)
        count += bad[row];
    return count;
}

/* ---- the naive one ---- */

typedef struct trial {
    uint32_t from, to;
} trial;

static trial expected[2 * MOST];
static uint32_t expected_count;

/* Whether the whole range was written at once. */
static bool naive(uint32_t from, uint32_t to, bool known_bad)
{
    if (!known_bad || to - from == 1) {
        expected[expected_count++] = (trial){from, to};
        if (bad_in(from, to) == 0)
            return true;
        if (to - from == 1)
            return false;
    }
    uint32_t middle = from + (to - from) / 2;
    bool left = naive(from, middle, false);
    naive(middle, to, left);
    return false;
}

static uint32_t log2_up(uint32_t n)
{
    uint32_t bits = 0;
    while (UINT32_C(1) << bits < n)
        bits++;
    return bits;
}

/* ---- comparing ---- */

/* Rows [from, to) were refused together (or said to be): returns the statements. */
static uint32_t run(uint32_t from, uint32_t to)
{
    static mr_bisect bisect;
    uint32_t begin, end, row, judged = from, found = 0, n = to - from, all = bad_in(from, to);
    expected_count = 0;
    naive(from, to, true);
    memset(&bisect, 0xa5, sizeof bisect); /* nothing of an earlier use matters */
    mr_bisect_begin(&bisect, from, to);
    while (mr_bisect_next(&bisect, &begin, &end)) {
        uint32_t at = bisect.statements - 1;
        assert_in_range(at, 0, expected_count - 1);
        assert_int_equal(begin, expected[at].from);
        assert_int_equal(end, expected[at].to);
        /* Every row is judged once, in ascending order. */
        assert_int_equal(begin, judged);
        assert_true(begin < end && end <= to);
        if (bad_in(begin, end) == 0) {
            mr_bisect_took(&bisect);
            judged = end;
        } else if (mr_bisect_refused(&bisect, &row)) {
            assert_int_equal(end - begin, 1);
            assert_int_equal(row, begin);
            judged = end;
            found++;
        } else {
            assert_true(end - begin > 1);
        }
    }
    assert_int_equal(judged, to);
    assert_int_equal(found, all);
    assert_int_equal(bisect.statements, expected_count);
    assert_false(mr_bisect_next(&bisect, &begin, &end));
    if (n == 1)
        assert_int_equal(bisect.statements, 1);
    else
        assert_in_range(bisect.statements, 1, 2 * n - 2);
    if (all == 0) /* it is not refused any more: down to the last row, which is tried alone */
        assert_in_range(bisect.statements, 1, log2_up(n) + 1);
    else if (n > 1)
        assert_in_range(bisect.statements, 1, 2 * all * log2_up(n));
    return bisect.statements;
}

static void test_all_subsets(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 12; n++)
        for (uint32_t subset = 0; subset < UINT32_C(1) << n; subset++) {
            uint32_t from = subset % 5; /* a range begins anywhere */
            memset(bad, 0, sizeof bad);
            for (uint32_t row = 0; row < n; row++)
                bad[from + row] = subset >> row & 1;
            run(from, from + n);
        }
}

static void test_random(void **state)
{
    (void)state;
    model_seed("test_bisect");
    for (int i = 0; i < 5000; i++) {
        uint32_t n = 1 + model_below(MOST), from = model_below(MOST - n + 1);
        uint32_t share = model_below(4) ? 1 + model_below(20) : 1 + model_below(1000); /* of a thousand */
        for (uint32_t row = 0; row < MOST; row++)
            bad[row] = model_below(1000) < share;
        run(from, from + n);
    }
}

static void test_one_bad_row_anywhere(void **state)
{
    uint32_t most = 0, sum = 0;
    (void)state;
    memset(bad, 0, sizeof bad);
    for (uint32_t row = 0; row < MOST; row++) {
        bad[row] = true;
        uint32_t statements = run(0, MOST);
        most = statements > most ? statements : most;
        sum += statements;
        bad[row] = false;
    }
    printf("one bad row of %d: at most %u statements, %.1f on average\n", MOST, most, (double)sum / MOST);
    assert_int_equal(most, 22); /* 2 log2(n) */
}

static void test_all_bad(void **state)
{
    (void)state;
    memset(bad, 1, sizeof bad);
    for (uint32_t n = 2; n <= MOST; n++) {
        uint32_t statements = run(0, n);
        assert_int_equal(statements, 2 * n - 2);
    }
    printf("all of %d bad: %d statements\n", MOST, 2 * MOST - 2);
}

/* The largest range has its place on the stack, also at the end of what 32 bits hold. */
static void test_largest(void **state)
{
    mr_bisect bisect;
    uint32_t from = UINT32_MAX - MR_BISECT_ROWS_MAX, begin, end, row, next = from;
    (void)state;
    mr_bisect_begin(&bisect, from, UINT32_MAX);
    while (mr_bisect_next(&bisect, &begin, &end))
        if (mr_bisect_refused(&bisect, &row)) {
            assert_int_equal(row, next);
            next++;
        }
    assert_int_equal(next, UINT32_MAX);
    assert_int_equal(bisect.statements, 2 * MR_BISECT_ROWS_MAX - 2);
}

/* A database whose answers do not fit together: every row is judged all the same, and only rows that were refused alone are named. */
static void test_fickle(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        mr_bisect bisect;
        uint32_t n = 1 + model_below(300), begin, end, row, judged = 0;
        mr_bisect_begin(&bisect, 0, n);
        while (mr_bisect_next(&bisect, &begin, &end)) {
            assert_int_equal(begin, judged);
            if (model_below(2)) {
                mr_bisect_took(&bisect);
                judged = end;
            } else if (mr_bisect_refused(&bisect, &row)) {
                assert_int_equal(row, begin);
                judged = end;
            }
        }
        assert_int_equal(judged, n);
        assert_in_range(bisect.statements, 1, 2 * n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_subsets),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_one_bad_row_anywhere),
        cmocka_unit_test(test_all_bad),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_fickle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
