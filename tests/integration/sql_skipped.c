/* The SQL edge against a real server: rows that are left out of a statement, in both dialects.  Run by tests/integration/14-sql-edge. */
#include "sql_edge.h"

#include "../model/model.h"
#include "stages/bisect.h"

/* Both ways of writing, whatever way the server's own dialect is written by default. */
static const char *const ways[] = {"", ",\"dialect\":\"mysql\""};

static unsigned char *record(uint32_t row)
{
    return f.records + (uint64_t)row * f.layouts->size;
}

static bool is_text_of(const char *s, uint32_t row)
{
    return !strcmp(s, row % 2 ? "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 'quoted'" : "short");
}

/* The table holds the rows that are not skipped, each as its record says, and no other. */
static void expect_table(const bool *skip)
{
    query("SELECT n, HEX(id), s, i FROM edge ORDER BY n");
    MYSQL_RES *rows = mysql_store_result(f.other);
    for (uint32_t row = 0; row < ROWS; row++) {
        if (skip[row])
            continue;
        char id[2 * MR_KSUID_BYTES + 1];
        for (int i = 0; i < MR_KSUID_BYTES; i++)
            snprintf(id + 2 * i, 3, "%02X", mr_record_value(f.layouts, record(row), 0)[i]);
        MYSQL_ROW got = mysql_fetch_row(rows);
        assert_non_null(got);
        assert_int_equal(strtoul(got[0], NULL, 10), row);
        assert_string_equal(got[1], id);
        assert_true(is_text_of(got[2], row));
        assert_true(row % 2 ? got[3] && !strcmp(got[3], "-128") : !got[3]);
    }
    assert_null(mysql_fetch_row(rows));
    mysql_free_result(rows);
}

static void put_rows(void)
{
    for (uint32_t row = 0; row < ROWS; row++)
        put(row, row, row % 2 ? full : "{\"s\":\"short\"}");
}

static void mark(const bool *skip)
{
    for (uint32_t row = 0; row < ROWS; row++)
        if (skip[row])
            mr_record_skip(f.layouts, record(row));
        else
            mr_record_unskip(f.layouts, record(row));
}

static void write_without(const bool *skip)
{
    static const bool none[ROWS];
    uint32_t sent = ROWS;
    for (uint32_t row = 0; row < ROWS; row++)
        sent -= skip[row];
    query("DELETE FROM edge");
    mark(skip);
    write_and_commit(ROWS, 0);
    expect_table(skip);
    write_and_commit(ROWS, sent); /* only what was sent can have been there */
    expect_table(skip);
    mark(none);
    write_and_commit(ROWS, sent);
    expect_table(none);
}

/* Statements that were executed on the server, of all connections. */
static unsigned long executes(void)
{
    query("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'");
    MYSQL_RES *rows = mysql_store_result(f.other);
    MYSQL_ROW row = mysql_fetch_row(rows);
    unsigned long count = strtoul(row[1], NULL, 10);
    mysql_free_result(rows);
    return count;
}

static void skip_ranges(void)
{
    static const struct {
        uint32_t from, to;
    } ranges[] = {{0, 0},      {0, 1},    {ROWS - 1, ROWS}, {350, 351}, {0, 300},      {255, 513},
                  {400, ROWS}, {1, ROWS}, {0, ROWS - 1},    {0, ROWS},  {1, ROWS - 1}, {ROWS - 2, ROWS}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        bool skip[ROWS] = {false};
        for (uint32_t row = ranges[i].from; row < ranges[i].to; row++)
            skip[row] = true;
        write_without(skip);
    }
}

static void skip_at_random(void)
{
    for (int turn = 0; turn < 12; turn++) {
        bool skip[ROWS];
        uint32_t share = turn % 3 ? 1 + model_below(99) : 99;
        for (uint32_t row = 0; row < ROWS; row++)
            skip[row] = model_below(100) < share;
        write_without(skip);
    }
}

static void test_skipped_rows(void **state)
{
    fixture usual = f;
    (void)state;
    model_seed("sql_skipped");
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
        open_fixture(ksuid, ways[way]);
        make_table("");
        connect_well();
        put_rows();
        skip_ranges();
        skip_at_random();
        close_fixture();
        f = usual;
    }
}

static void test_all_skipped(void **state)
{
    fixture usual = f;
    (void)state;
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
        open_fixture(ksuid, ways[way]);
        make_table("");
        connect_well();
        put_rows();
        for (uint32_t row = 0; row < ROWS - 1; row++)
            mr_record_skip(f.layouts, record(row));
        unsigned long before = executes();
        write_and_commit(ROWS - 1, 0);
        write_and_commit(1, 0);
        assert_int_equal(executes(), before);
        write_and_commit(ROWS, 0);
        assert_int_equal(executes(), before + 1); /* it is counted at all */
        assert_string_equal(ask("SELECT GROUP_CONCAT(n) FROM edge"), "699");
        close_fixture();
        f = usual;
    }
}

/* Columns are the identity, so field 0 is one that can be NULL: it is so again when the mark is taken back. */
static void test_skipped_null(void **state)
{
    static const char *const events[] = {"{\"s\":null,\"i\":1}", "{\"s\":\"\",\"i\":2}", "{\"s\":\"x\"}",
                                         "{}"};
    fixture usual = f;
    (void)state;
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
        open_fixture("{\"columns\":[\"n\"]}", ways[way]);
        make_table("");
        connect_well();
        for (uint32_t row = 0; row < 4; row++)
            put(row, row, events[row]);
        for (uint32_t row = 0; row < 2; row++) {
            mr_record_skip(f.layouts, record(row));
            mr_record_skip(f.layouts, record(row)); /* once more: the first one's memory stays */
            assert_true(mr_record_skipped(f.layouts, record(row)));
        }
        mr_record_unskip(f.layouts, record(3)); /* without a mark nothing changes */
        write_and_commit(4, 0);
        assert_string_equal(ask("SELECT GROUP_CONCAT(n ORDER BY n) FROM edge"), "2,3");
        for (uint32_t row = 0; row < 2; row++)
            mr_record_unskip(f.layouts, record(row));
        write_and_commit(4, 2);
        assert_string_equal(
            ask("SELECT GROUP_CONCAT(n, '=', IFNULL(CONCAT('<', s, '>'), 'NULL'), IFNULL(i, '') "
                "ORDER BY n) FROM edge"),
            "0=NULL1,1=<>2,2=<x>,3=NULL");
        close_fixture();
        f = usual;
    }
}

/* What all of it is for: the rows that a table refuses are found, and the others written by the usual statements. */
static void test_refused_rows(void **state)
{
    fixture usual = f;
    (void)state;
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
        bool expected[ROWS] = {false};
        mr_bisect bisect;
        uint32_t from, to, row;
        open_fixture(ksuid, ways[way]);
        make_table("ALTER TABLE edge ADD CONSTRAINT picky CHECK (n % 97 <> 5 AND n < 698)");
        connect_well();
        put_rows();
        assert_int_equal(write_rows(ROWS).db_class, MR_DB_ROW_POISON);
        assert_int_equal(mr_sql_rollback(f.sql).db_class, MR_DB_OK);
        mr_bisect_begin(&bisect, 0, ROWS);
        while (mr_bisect_next(&bisect, &from, &to)) {
            mr_sql_result result = mr_sql_write(f.sql, 0, record(from), to - from);
            assert_int_equal(mr_sql_rollback(f.sql).db_class, MR_DB_OK);
            if (result.db_class == MR_DB_OK) {
                mr_bisect_took(&bisect);
                continue;
            }
            assert_int_equal(result.db_class, MR_DB_ROW_POISON);
            if (mr_bisect_refused(&bisect, &row))
                mr_record_skip(f.layouts, record(row));
        }
        for (row = 0; row < ROWS; row++) {
            expected[row] = row % 97 == 5 || row >= 698;
            assert_int_equal(mr_record_skipped(f.layouts, record(row)), expected[row]);
        }
        write_and_commit(ROWS, 0);
        expect_table(expected);
        close_fixture();
        f = usual;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_skipped_rows),
        cmocka_unit_test(test_all_skipped),
        cmocka_unit_test(test_skipped_null),
        cmocka_unit_test(test_refused_rows),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
