/* One batch into a database: all of it or nothing, and nothing of a failed one is left open; refused rows are found, and a table that refuses too many
 * is not believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_flow.h"
#include "threads/writing.h"

static mr_writing writing[FAKE_SHARDS];
static mr_batch batch;
static mr_sql_result result;

static int set_up(void **state)
{
    fake_set_up(state);
    for (uint32_t shard = 0; shard < FAKE_SHARDS; shard++) {
        mr_sql *sql = mr_sql_new(fake_config, shard, fake_plan.layouts, fake_arena);
        mr_writing_init(&writing[shard], &fake_flow, shard, sql, fake_flow.writer_pulse[0]);
        assert_int_equal(mr_sql_connect(sql).db_class, MR_DB_OK);
    }
    mr_batch_init(&batch, fake_config, fake_arena, FAKE_PAGES);
    return 0;
}

static uint32_t add(uint32_t shard, int64_t from, uint32_t rows)
{
    uint32_t handle = fake_page(shard, from, rows);
    mr_batch_add(&batch, handle, fake_page_at(handle));
    return handle;
}

static mr_written write_batch(uint32_t shard)
{
    mr_written written = mr_writing_batch(&writing[shard], &batch, &result);
    fake_sql_rest(shard);
    return written;
}

static void test_whole(void **state)
{
    (void)state;
    add(0, 0, 10);
    add(0, 10, 20);
    assert_int_equal(write_batch(0), MR_WRITTEN);
    assert_int_equal(fake_sql_rows(0), 30);
    assert_true(fake_sql[0].commits == 1 && fake_sql[0].rollbacks == 0);
}

/* The second page meets a lock: the first is not left in an open transaction. */
static void test_transient(void **state)
{
    (void)state;
    add(0, 0, 10);
    add(0, 10, 20);
    fake_sql[0].write = (fake_failure){.db_class = MR_DB_TRANSIENT, .after = 1};
    assert_int_equal(write_batch(0), MR_WRITE_FAILED);
    assert_int_equal(result.db_class, MR_DB_TRANSIENT);
    assert_true(fake_sql[0].connected && fake_sql[0].commits == 0);
    fake_sql[0].write.db_class = MR_DB_OK;
    mr_batch_clear(&batch);
    add(0, 40, 1); /* another one, that does commit */
    assert_int_equal(write_batch(0), MR_WRITTEN);
    assert_int_equal(fake_sql_rows(0), 1);
}

/* Nobody knows whether it was done: neither way is it taken for done, and the connection goes. */
static void test_commit_fails(void **state)
{
    (void)state;
    for (int done = 0; done < 2; done++) {
        mr_batch_clear(&batch);
        add(0, done * 10, 10);
        fake_sql[0].commit.db_class = MR_DB_AMBIGUOUS;
        fake_sql[0].commit_done = done;
        assert_int_equal(write_batch(0), MR_WRITE_FAILED);
        assert_int_equal(result.db_class, MR_DB_AMBIGUOUS);
        assert_false(fake_sql[0].connected);
        assert_int_equal(fake_sql_rows(0), done * 10);
        assert_int_equal(mr_sql_connect(&fake_sql[0]).db_class, MR_DB_OK);
    }
}

/* ---- rows that are refused ---- */

static void test_refused(void **state)
{
    (void)state;
    uint32_t handle = add(0, 0, 64);
    fake_sql[0].refused[17] = fake_sql[0].refused[40] = true;
    assert_int_equal(write_batch(0), MR_WRITTEN);
    assert_int_equal(fake_sql_rows(0), 62);
    assert_int_equal(fake_page_at(handle)->rows_refused, 2);
    for (uint32_t row = 0; row < 64; row++)
        assert_true(fake_marked(handle, row) == (row == 17 || row == 40));
}

/* The table is wrong, not the rows: nothing is kept of what was found out. */
static void test_drift(void **state)
{
    (void)state;
    uint32_t first = add(0, 0, 30), second = add(0, 30, 30);
    fake_sql[0].refuses_all = MR_DB_ROW_POISON;
    assert_int_equal(write_batch(0), MR_WRITE_DRIFT);
    assert_int_equal(fake_sql_rows(0), 0);
    for (uint32_t row = 0; row < 30; row++)
        assert_false(fake_marked(first, row) || fake_marked(second, row));
    assert_true(fake_page_at(first)->rows_refused == 0 && fake_page_at(second)->rows_refused == 0);
    fake_sql[0].refuses_all = MR_DB_OK; /* mended: the same pages again */
    assert_int_equal(write_batch(0), MR_WRITTEN);
    assert_int_equal(fake_sql_rows(0), 60);
}

/* Each shard is judged by its own rows: a good one does not lend a bad one its share. */
static void test_drift_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        add(0, i * 64, 64);
    assert_int_equal(write_batch(0), MR_WRITTEN);
    mr_batch_clear(&batch);
    add(1, 0, 20);
    for (int i = 0; i < 15; i++)
        fake_sql[1].refused[i] = true;
    assert_int_equal(write_batch(1), MR_WRITE_DRIFT);
    assert_int_equal(fake_sql_rows(1), 0);
}

/* An error that nobody knows, with every row: it is not the rows'. */
static void test_unknown(void **state)
{
    (void)state;
    writing[0].drift.percent = 100; /* no guard */
    uint32_t handle = add(0, 0, 8);
    fake_sql[0].refuses_all = MR_DB_UNKNOWN;
    assert_int_equal(write_batch(0), MR_WRITE_DRIFT);
    assert_int_equal(fake_page_at(handle)->rows_refused, 0);
    fake_sql[0].refuses_all = MR_DB_OK;
    fake_sql[0].refused[3] = true; /* one that fails alone is poison */
    assert_int_equal(write_batch(0), MR_WRITTEN);
    assert_int_equal(fake_sql_rows(0), 7);
    assert_true(fake_marked(handle, 3));
}

/* A batch that failed after a row was found out: the row is known by then, and left out. */
static void test_marks_stay(void **state)
{
    (void)state;
    uint32_t handle = add(0, 0, 64);
    fake_sql[0].refused[5] = true;
    fake_sql[0].commit.db_class = MR_DB_AMBIGUOUS;
    assert_int_equal(write_batch(0), MR_WRITE_FAILED);
    assert_true(fake_marked(handle, 5) && fake_page_at(handle)->rows_refused == 1);
    fake_sql[0].commit.db_class = MR_DB_OK;
    assert_int_equal(mr_sql_connect(&fake_sql[0]).db_class, MR_DB_OK);
    assert_int_equal(write_batch(0), MR_WRITTEN);
    assert_true(fake_sql_rows(0) == 63 && fake_page_at(handle)->rows_refused == 1);
}

/* The server finds the statement too big: smaller ones, down to the row that is too big by itself. */
static void test_too_big(void **state)
{
    (void)state;
    uint32_t handle = add(0, 0, 2);
    fake_sql[0].write.db_class = MR_DB_TOO_BIG;
    for (int i = 0; i < 12 && fake_page_at(handle)->rows_refused == 0; i++) {
        assert_int_equal(write_batch(0), MR_WRITE_FAILED);
        assert_false(fake_sql[0].connected);
        assert_int_equal(mr_sql_connect(&fake_sql[0]).db_class, MR_DB_OK);
    }
    assert_true(fake_marked(handle, 0));
    fake_sql[0].write.db_class = MR_DB_OK;
    assert_int_equal(write_batch(0), MR_WRITTEN);
    assert_int_equal(fake_sql_rows(0), 1);
}

/* ---- statements sent one behind the other ---- */

/* As set_up, and statements may be sent ahead. */
static int set_up_ahead(void **state)
{
    set_up(state);
    for (uint32_t shard = 0; shard < FAKE_SHARDS; shard++)
        fake_sql[shard].ahead = 3;
    return 0;
}

/* More pages than may be sent at once, a small one among them. */
static void test_ahead(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++)
        add(0, i * 10, i == 4 ? 1 : 10);
    assert_int_equal(write_batch(0), MR_WRITTEN);
    assert_int_equal(fake_sql_rows(0), 71);
    assert_true(fake_sql[0].commits == 1 && fake_sql[0].most_sent == 3);
}

/* Pages that were sent behind one with rows that are refused are in; so is what is good of that one. */
static void test_ahead_refused(void **state)
{
    (void)state;
    uint32_t first = add(0, 0, 64), second = add(0, 64, 64), third = add(0, 128, 64);
    fake_sql[0].refused[64 + 17] = fake_sql[0].refused[130] = true;
    assert_int_equal(write_batch(0), MR_WRITTEN);
    assert_int_equal(fake_sql_rows(0), 190);
    assert_int_equal(fake_page_at(first)->rows_refused, 0);
    assert_true(fake_marked(second, 17) && fake_page_at(second)->rows_refused == 1);
    assert_true(fake_marked(third, 2) && fake_page_at(third)->rows_refused == 1);
}

/* A page that was refused once is taken for whole when it comes again mended. */
static void test_ahead_refused_once(void **state)
{
    (void)state;
    uint32_t handle = add(0, 0, 64);
    fake_sql[0].refused[5] = true;
    fake_sql[0].commit.db_class = MR_DB_AMBIGUOUS;
    assert_int_equal(write_batch(0), MR_WRITE_FAILED);
    fake_sql[0].commit.db_class = MR_DB_OK;
    assert_int_equal(mr_sql_connect(&fake_sql[0]).db_class, MR_DB_OK);
    fake_sql[0].runs = 0;
    assert_int_equal(write_batch(0), MR_WRITTEN);
    assert_true(fake_sql_rows(0) == 63 && fake_page_at(handle)->rows_refused == 1);
    assert_int_equal(fake_sql[0].runs, 1);
}

/* The second of three fails for another reason than its rows, and the third goes well: it is answered, and all of it rolled back. */
static void test_ahead_fails(void **state)
{
    (void)state;
    uint32_t handle = add(0, 0, 10);
    add(0, 10, 10);
    add(0, 20, 10);
    fake_sql[0].refused[3] = true;
    fake_sql[0].write = (fake_failure){.db_class = MR_DB_TRANSIENT, .after = 1, .once = true};
    assert_int_equal(write_batch(0), MR_WRITE_FAILED);
    assert_int_equal(result.db_class, MR_DB_TRANSIENT);
    assert_true(fake_sql[0].connected && fake_sql[0].rollbacks == 1 && fake_sql[0].commits == 0);
    assert_int_equal(fake_page_at(handle)->rows_refused, 0);
    assert_int_equal(fake_sql[0].runs, 3);
    assert_int_equal(write_batch(0), MR_WRITTEN);
    assert_int_equal(fake_sql_rows(0), 29);
}

/* The connection goes while the second is sent: nothing more is asked of it.  Then statements go one at a time for a while, so that the server's own
 * answer is heard. */
static void test_ahead_lost(void **state)
{
    (void)state;
    add(0, 0, 10);
    add(0, 10, 10);
    fake_sql[0].send = (fake_failure){.db_class = MR_DB_CONNECTION, .after = 1};
    assert_int_equal(write_batch(0), MR_WRITE_FAILED);
    assert_int_equal(result.db_class, MR_DB_CONNECTION);
    assert_false(fake_sql[0].connected);
    fake_sql[0].send.db_class = MR_DB_OK;
    assert_int_equal(mr_sql_connect(&fake_sql[0]).db_class, MR_DB_OK);
    fake_sql[0].most_sent = 0;
    assert_int_equal(write_batch(0), MR_WRITTEN);
    assert_true(fake_sql_rows(0) == 20 && fake_sql[0].most_sent == 0);
    for (int i = 0; i < 2000 && fake_sql[0].most_sent == 0; i++)
        assert_int_equal(write_batch(0), MR_WRITTEN);
    assert_int_equal(fake_sql[0].most_sent, 2);
}

/* What must be whole is not taken apart. */
static void test_ahead_whole(void **state)
{
    (void)state;
    writing[0].whole = true;
    uint32_t handle = add(0, 0, 10);
    add(0, 10, 10);
    fake_sql[0].refused[3] = true;
    assert_int_equal(write_batch(0), MR_WRITE_FAILED);
    assert_int_equal(result.db_class, MR_DB_ROW_POISON);
    assert_true(fake_sql_rows(0) == 0 && fake_page_at(handle)->rows_refused == 0 && fake_sql[0].runs == 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_tear_down)
#define AHEAD(name)                                                                                          \
    {                                                                                                        \
#name " (ahead)", name, set_up_ahead, fake_tear_down, NULL                                           \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_whole),        TEST(test_transient),      TEST(test_commit_fails),
        TEST(test_refused),      TEST(test_drift),          TEST(test_drift_of_its_own),
        TEST(test_unknown),      TEST(test_marks_stay),     TEST(test_too_big),
        AHEAD(test_whole),       AHEAD(test_transient),     AHEAD(test_commit_fails),
        AHEAD(test_refused),     AHEAD(test_drift),         AHEAD(test_drift_of_its_own),
        AHEAD(test_unknown),     AHEAD(test_marks_stay),    AHEAD(test_too_big),
        AHEAD(test_ahead),       AHEAD(test_ahead_refused), AHEAD(test_ahead_refused_once),
        AHEAD(test_ahead_fails), AHEAD(test_ahead_lost),    AHEAD(test_ahead_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
