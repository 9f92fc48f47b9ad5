/* The pool against a table of who has which page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "data/pool.h"
#include "model.h"

enum { CONSUMERS = 3, EACH = 7, PAGE = 4096, STEPS = 100000 };

/* Records and times lie in the page, apart from each other and from other pages'. */
static void mark(const mr_page *page, uint32_t handle)
{
    memset(page->records, (int)handle + 1, (size_t)page->rows_max * page->record_size);
    for (uint32_t row = 0; row < page->rows_max; row++)
        page->times[row] = (int64_t)handle << 40 | row;
}

static void check_marked(const mr_page *page, uint32_t handle)
{
    for (size_t i = 0; i < (size_t)page->rows_max * page->record_size; i++)
        assert_int_equal(page->records[i], handle + 1);
    for (uint32_t row = 0; row < page->rows_max; row++)
        assert_int_equal(page->times[row], (int64_t)handle << 40 | row);
}

static void test_random(void **state)
{
    (void)state;
    model_seed("pool");
    mr_arena *arena = mr_arena_new();
    mr_pool *pool = mr_pool_new(arena, CONSUMERS, EACH, PAGE);
    bool taken[CONSUMERS * EACH] = {false};
    uint32_t serial[CONSUMERS * EACH] = {0}, count[CONSUMERS] = {0};
    assert_int_equal(mr_pool_pages(pool), CONSUMERS * EACH);
    for (int i = 0, rounds = model_rounds(STEPS); i < rounds; i++) {
        uint32_t consumer = model_below(CONSUMERS), at = model_below(CONSUMERS * EACH),
                 size = 40 + 8 * model_below(20);
        if (model_below(2)) {
            uint32_t page = mr_pool_take(pool, consumer, model_below(4), model_below(4), size);
            assert_int_equal(page == MR_PAGE_NONE, count[consumer] == EACH);
            if (page == MR_PAGE_NONE)
                continue;
            const mr_page *about = mr_pool_page(pool, page);
            assert_false(taken[page]);
            assert_int_equal(about->consumer, consumer);
            assert_int_equal(page / EACH, consumer);
            assert_int_equal(about->rows_max, PAGE / mr_page_row_bytes(size));
            assert_int_equal(about->rows, 0);
            assert_int_not_equal(about->serial, 0);
            /* Another life than any before, of whatever page: by the serial a consumer knows whether its hold covers this page. */
            for (uint32_t other = consumer * EACH; other < (consumer + 1) * EACH; other++)
                assert_int_not_equal(about->serial, serial[other]);
            serial[page] = about->serial;
            mark(about, page);
            taken[page] = true;
            count[consumer]++;
        } else if (taken[at]) {
            check_marked(mr_pool_page(pool, at), at);
            mr_pool_give(pool, at);
            taken[at] = false;
            count[at / EACH]--;
        }
        assert_int_equal(mr_pool_free_pages(pool, consumer), EACH - count[consumer]);
        mr_pool_check(pool, consumer);
    }
    mr_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
