/* The SQL edge against a real server: MILLRACE_TEST_PORT (127.0.0.1) and MILLRACE_TEST_USER, MILLRACE_TEST_PASSWORD; MILLRACE_TEST_DIALECT, "mariadb" or
 * "mysql", is what the server is expected to be.  Run by tests/integration/14-sql-edge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <mysql.h>

#include "../model/model.h"
#include "base/ksuid.h"
#include "edges/sql.h"
#include "sql_record.h"
#include "stages/bisect.h"
#include "stages/schema.h"

enum { ROWS = 700 }; /* more than one multi-row statement, and a rest */

static const char columns[] =
    "{\"name\":\"s\",\"from\":\"s\",\"type\":\"string\",\"max_bytes\":40},{\"name\":\"i\",\"from\":\"i\","
    "\"type\":\"int8\"},"
    "{\"name\":\"u\",\"from\":\"u\",\"type\":\"uint64\"},{\"name\":\"d\",\"from\":\"d\",\"type\":\"decimal\","
    "\"precision\":20,\"scale\":5},"
    "{\"name\":\"f\",\"from\":\"f\",\"type\":\"double\"},{\"name\":\"b\",\"from\":\"b\",\"type\":\"bool\"},"
    "{\"name\":\"t\",\"from\":\"t\",\"type\":\"datetime\"},{\"name\":\"dt\",\"from\":\"dt\",\"type\":"
    "\"date\"},{\"name\":\"tm\",\"from\":\"tm\",\"type\":\"time\"},"
    "{\"name\":\"g\",\"from\":\"g\",\"type\":\"uuid\"},{\"name\":\"x\",\"from\":\"x\",\"type\":\"binary\","
    "\"max_bytes\":8},"
    "{\"name\":\"j\",\"from\":\"j\",\"type\":\"json\",\"max_bytes\":64},{\"name\":\"n\",\"from\":\"@offset\","
    "\"type\":\"int64\",\"required\":true}";

typedef struct fixture {
    mr_config *config;
    mr_arena *arena;
    mr_decoder *decoder;
    mr_layout *layouts;
    mr_sql *sql;
    unsigned char *records;
    MYSQL *other; /* a client of the test's own */
} fixture;

static fixture f;

static const char *env(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value ? value : otherwise;
}

static void query(const char *text)
{
    if (mysql_query(f.other, text))
        fail_msg("%s: %s", text, mysql_error(f.other));
}

/* The one value of a query, as text. */
static char *ask(const char *text)
{
    static char value[512];
    query(text);
    MYSQL_RES *rows = mysql_store_result(f.other);
    MYSQL_ROW row = mysql_fetch_row(rows);
    snprintf(value, sizeof value, "%s", row && row[0] ? row[0] : "NULL");
    mysql_free_result(rows);
    return value;
}

static const char ksuid[] = "{\"column\":\"id\",\"from\":\"ksuid\"}";

static mr_config *configure(const char *id, const char *shard_more)
{
    char text[4096];
    mr_config *config;
    mr_findings findings = {0};
    snprintf(text, sizeof text,
             "{\"kafka\":{\"bootstrap_servers\":\"b:1\",\"group_id\":\"g\"},\"streams\":[{\"name\":\"s\","
             "\"topic\":\"t\",\"table\":\"edge\","
             "\"id\":%s,\"columns\":[%s]}],\"shards\":[{\"name\":\"a\","
             "\"host\":\"127.0.0.1\",\"port\":%s,"
             "\"user\":\"%s\",\"database\":\"millrace_edge\",\"password\":\"%s\",\"read_timeout_s\":3%s}]}",
             id, columns, env("MILLRACE_TEST_PORT", "3306"), env("MILLRACE_TEST_USER", "root"),
             env("MILLRACE_TEST_PASSWORD", ""), shard_more);
    if (mr_config_parse("test", text, strlen(text), NULL, &config, &findings))
        fail_msg("%s: %s", findings.at[0].where, findings.at[0].what);
    mr_findings_free(&findings);
    return config;
}

static void make_table(const char *then)
{
    char ddl[4096];
    mr_buf out = mr_buf_over(ddl, sizeof ddl);
    query("DROP TABLE IF EXISTS edge");
    mr_schema_ddl(&f.config->streams[0], &out);
    query(ddl);
    if (*then)
        query(then);
}

/* All of f but the test's own client. */
static void open_fixture(const char *id, const char *shard_more)
{
    mr_error error;
    f.config = configure(id, shard_more);
    f.arena = mr_arena_new();
    assert_int_equal(mr_decoder_new(&f.config->streams[0], f.arena, &f.decoder, &error), 0);
    f.layouts = mr_arena_take(f.arena, "layouts", 1, sizeof *f.layouts);
    *f.layouts = *mr_decoder_layout(f.decoder);
    f.records = mr_arena_take(f.arena, "records", ROWS, f.layouts->size);
    f.sql = mr_sql_new(f.config, 0, f.layouts, f.arena);
}

static void close_fixture(void)
{
    mr_sql_free(f.sql);
    mr_arena_free(f.arena);
    mr_config_free(f.config);
}

static int set_up(void **state)
{
    (void)state;
    open_fixture(ksuid, "");
    f.other = mysql_init(NULL);
    const mr_shard *shard = &f.config->shards[0];
    if (!mysql_real_connect(f.other, shard->host, shard->user, shard->password, NULL, shard->port, NULL, 0))
        return -1;
    query("SET NAMES utf8mb4");
    query("DROP DATABASE IF EXISTS millrace_edge");
    query("CREATE DATABASE millrace_edge");
    query("USE millrace_edge");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    query("DROP DATABASE millrace_edge");
    mysql_close(f.other);
    close_fixture();
    return 0;
}

static void put(uint32_t row, int64_t offset, const char *event)
{
    store(f.decoder, f.records + (uint64_t)row * f.layouts->size, offset, event);
}

static const char full[] =
    "{\"s\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 "
    "'quoted'\",\"i\":-128,\"u\":18446744073709551615,\"d\":-123456789012345.67891,\"f\":0.1,\"b\":true,"
    "\"t\":\"2026-01-31T23:59:59.999999+01:00\",\"dt\":\"2024-02-29\",\"tm\":\"23:59:59.000001\",\"g\":"
    "\"dab45194-42cc-4106-ab9f-2447fa4d35c2\","
    "\"x\":\"AP8=\",\"j\":{\"a\": [1, \"\\u00e9\"]}}";

static void connect_well(void)
{
    if (mr_sql_connected(f.sql))
        mr_sql_close(f.sql);
    mr_sql_result result = mr_sql_connect(f.sql);
    if (result.db_class != MR_DB_OK)
        fail_msg("connect: %u %s", result.code, result.text);
}

static mr_sql_result write_rows(uint32_t rows)
{
    return mr_sql_write(f.sql, 0, f.records, rows);
}

static void write_and_commit(uint32_t rows, uint32_t existing)
{
    mr_sql_result result = write_rows(rows);
    if (result.db_class != MR_DB_OK)
        fail_msg("write: %u %s %s", result.code, result.sqlstate, result.text);
    assert_int_equal(result.rows_existing, existing);
    assert_int_equal(mr_sql_commit(f.sql).db_class, MR_DB_OK);
}

static void test_all_types(void **state)
{
    (void)state;
    make_table("");
    connect_well();
    put(0, 1, full);
    put(1, 2, "{}");
    write_and_commit(2, 0);
    assert_string_equal(ask("SELECT s FROM edge WHERE n = 1"),
                        "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 'quoted'");
    assert_string_equal(
        ask("SELECT CONCAT_WS('/', i, u, d, f, b, t, dt, tm, HEX(g), HEX(x), j) FROM edge WHERE n = 1"),
        "-128/18446744073709551615/-123456789012345.67891/0.1/1/2026-01-31 "
        "22:59:59.999999/2024-02-29/23:59:59.000001/"
        "DAB4519442CC4106AB9F2447FA4D35C2/00FF/{\"a\": [1, \"\\u00e9\"]}");
    assert_string_equal(
        ask("SELECT COUNT(*) FROM edge WHERE n = 2 AND s IS NULL AND i IS NULL AND u IS NULL AND d IS NULL "
            "AND f IS NULL AND b IS NULL "
            "AND t IS NULL AND dt IS NULL AND tm IS NULL AND g IS NULL AND x IS NULL AND j IS NULL"),
        "1");
    char expected[41];
    for (int i = 0; i < MR_KSUID_BYTES; i++)
        snprintf(expected + 2 * i, 3, "%02X", mr_record_value(f.layouts, f.records, 0)[i]);
    assert_string_equal(ask("SELECT HEX(id) FROM edge WHERE n = 1"), expected);
}

static void test_many_rows_twice(void **state)
{
    (void)state;
    make_table("");
    connect_well();
    for (uint32_t i = 0; i < ROWS; i++)
        put(i, i, i % 2 ? full : "{\"s\":\"short\"}");
    write_and_commit(ROWS, 0);
    assert_string_equal(ask("SELECT COUNT(*) FROM edge"), "700");
    char before[64];
    snprintf(before, sizeof before, "%s",
             ask("SELECT SUM(CRC32(CONCAT_WS('/', HEX(id), s, i, t, n))) FROM edge"));
    write_and_commit(ROWS, ROWS); /* again: nothing changes */
    assert_string_equal(ask("SELECT COUNT(*) FROM edge"), "700");
    assert_string_equal(ask("SELECT SUM(CRC32(CONCAT_WS('/', HEX(id), s, i, t, n))) FROM edge"), before);
    for (uint32_t i = 0; i < ROWS; i++)
        put(i, i, "{\"s\":\"another\"}"); /* the first write of an identity stays */
    write_and_commit(ROWS, ROWS);
    assert_string_equal(ask("SELECT COUNT(*) FROM edge WHERE s = 'another'"), "0");
}

static void test_rollback(void **state)
{
    (void)state;
    make_table("");
    connect_well();
    put(0, 1, full);
    assert_int_equal(write_rows(1).db_class, MR_DB_OK);
    assert_int_equal(mr_sql_rollback(f.sql).db_class, MR_DB_OK);
    put(0, 2, full);
    write_and_commit(1, 0);
    assert_string_equal(ask("SELECT GROUP_CONCAT(n) FROM edge"), "2");
}

/* A row that collides on another unique key is an error, never gone. */
static void test_unique_conflict(void **state)
{
    (void)state;
    make_table("ALTER TABLE edge ADD UNIQUE KEY other (s)");
    connect_well();
    put(0, 1, "{\"s\":\"same\"}");
    write_and_commit(1, 0);
    put(0, 2, "{\"s\":\"same\"}");
    mr_sql_result result = write_rows(1);
    assert_int_equal(result.db_class, MR_DB_ROW_POISON);
    assert_int_equal(result.code, 1048);
    assert_int_equal(mr_sql_rollback(f.sql).db_class, MR_DB_OK);
    put(0, 1, "{\"s\":\"same\"}");
    write_and_commit(1, 1); /* the same row is no conflict */
}

static void expect_unfit(const char *alter, const char *word)
{
    make_table(alter);
    if (mr_sql_connected(f.sql))
        mr_sql_close(f.sql);
    mr_sql_result result = mr_sql_connect(f.sql);
    if (result.db_class != MR_DB_SHARD_FATAL || !strstr(result.text, word))
        fail_msg("%s: %s %s", alter, mr_db_class_name(result.db_class), result.text);
    assert_false(mr_sql_connected(f.sql));
}

static void test_tables_that_do_not_fit(void **state)
{
    (void)state;
    expect_unfit("ALTER TABLE edge DROP COLUMN s", "no column s");
    expect_unfit("ALTER TABLE edge MODIFY t DATETIME(3)", "3 digits");
    expect_unfit("ALTER TABLE edge MODIFY d DECIMAL(20,2)", "narrower");
    expect_unfit("ALTER TABLE edge MODIFY f FLOAT", "float");
    expect_unfit("ALTER TABLE edge MODIFY s VARCHAR(10)", "10 characters");
    expect_unfit("ALTER TABLE edge MODIFY s VARCHAR(40) CHARACTER SET latin1", "latin1");
    expect_unfit("ALTER TABLE edge MODIFY u BIGINT", "uint64");
    expect_unfit("ALTER TABLE edge MODIFY i TINYINT NOT NULL", "NOT NULL");
    expect_unfit("ALTER TABLE edge ADD COLUMN more INT NOT NULL", "without a default");
    expect_unfit("ALTER TABLE edge DROP PRIMARY KEY", "no primary key");
    expect_unfit("ALTER TABLE edge MODIFY x BINARY(8)", "pads");
    expect_unfit("ALTER TABLE edge ENGINE = MyISAM", "transactions");
    query("DROP TABLE edge");
    mr_sql_result result = mr_sql_connect(f.sql);
    assert_int_equal(result.db_class, MR_DB_SHARD_FATAL);
    assert_non_null(strstr(result.text, "no table"));
    make_table("");
    connect_well(); /* what ddl makes fits */
}

/* Behind a connection's back: strict mode refuses, the transaction can be rolled back and nothing is cut. */
static void test_narrowed_later(void **state)
{
    (void)state;
    make_table("");
    connect_well();
    query("ALTER TABLE edge MODIFY s VARCHAR(3)");
    put(0, 1, "{\"s\":\"too long\"}");
    mr_sql_result result = write_rows(1);
    if (result.db_class == MR_DB_STATEMENT ||
        result.db_class == MR_DB_TRANSIENT) { /* the definition changed: prepared again */
        mr_sql_close(f.sql);
        return;
    }
    assert_int_equal(result.code, 1406);
    assert_int_equal(result.db_class, MR_DB_ROW_POISON);
    assert_string_equal(result.text, ""); /* the server's text could hold row data */
    mr_sql_rollback(f.sql);
    assert_string_equal(ask("SELECT COUNT(*) FROM edge"), "0");
}

static void test_lost_connection(void **state)
{
    (void)state;
    make_table("");
    connect_well();
    put(0, 1, full);
    assert_int_equal(write_rows(1).db_class, MR_DB_OK);
    char kill[64];
    snprintf(kill, sizeof kill, "KILL %s",
             ask("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = 'millrace_edge' AND ID <> "
                 "CONNECTION_ID() LIMIT 1"));
    query(kill);
    assert_int_equal(mr_sql_commit(f.sql).db_class, MR_DB_AMBIGUOUS);
    mr_sql_close(f.sql);
    connect_well();
    write_and_commit(1, 0);
}

static void test_lock_wait(void **state)
{
    (void)state;
    make_table("");
    connect_well();
    put(0, 1, full);
    write_and_commit(1, 0);
    query("BEGIN");
    query("SELECT * FROM edge FOR UPDATE");
    mysql_free_result(mysql_store_result(f.other));
    mr_sql_result result = write_rows(1); /* read_timeout_s is shorter than the server's lock wait */
    assert_true(result.db_class == MR_DB_AMBIGUOUS || result.db_class == MR_DB_TRANSIENT);
    mr_sql_close(f.sql);
    query("ROLLBACK");
    connect_well();
    write_and_commit(1, 1);
}

static mr_sql_result connect_otherwise(const char *shard_more, const char *password,
                                       const char *password_file)
{
    mr_config *config = configure(ksuid, shard_more);
    mr_arena *arena = mr_arena_new();
    if (password)
        config->shards[0].password = password;
    config->shards[0].password_file = password_file;
    mr_sql *sql = mr_sql_new(config, 0, f.layouts, arena);
    mr_sql_result result = mr_sql_connect(sql);
    mr_sql_close(sql);
    mr_arena_free(arena);
    mr_config_free(config);
    return result;
}

static void test_refused_connections(void **state)
{
    (void)state;
    make_table("");
    mr_sql_result result = connect_otherwise("", "wrong", "");
    assert_int_equal(result.db_class, MR_DB_SHARD_FATAL);
    assert_int_equal(result.code, 1045);
    result = connect_otherwise("", "", "/nonexistent");
    assert_int_not_equal(result.db_class, MR_DB_OK);
    /* No certificate of that authority: fails closed, whether the server has TLS or not.  From Connector/C 3.4 on the server may prove a certificate that
     * it has made itself, by what it knows of the password. */
    bool proves = MARIADB_PACKAGE_VERSION_ID >= 30400;
    result = connect_otherwise(",\"tls\":{\"mode\":\"verify_identity\"}", NULL, "");
    assert_int_equal(result.db_class, proves ? MR_DB_OK : MR_DB_SHARD_FATAL);
}

static void test_dialects(void **state)
{
    (void)state;
    make_table("");
    bool mariadb = !strcmp(env("MILLRACE_TEST_DIALECT", "mariadb"), "mariadb");
    mr_sql_result result = connect_otherwise(",\"dialect\":\"mariadb\"", NULL, "");
    assert_int_equal(result.db_class, mariadb ? MR_DB_OK : MR_DB_SHARD_FATAL);
    assert_int_equal(connect_otherwise(",\"dialect\":\"mysql\"", NULL, "").db_class, MR_DB_OK);
}

static bool finds(const mr_findings *findings, const char *what)
{
    for (size_t i = 0; i < findings->count; i++)
        if (!strncmp(findings->at[i].what, what, strlen(what)))
            return true;
    return false;
}

static void test_check(void **state)
{
    (void)state;
    make_table("");
    mr_findings findings = {0};
    mr_sql_check(f.config, 0, &findings);
    assert_int_equal(mr_findings_errors(&findings), 0);
    mr_findings_free(&findings);
    char *before = strdup(ask("SELECT @@GLOBAL.max_allowed_packet"));
    bool binlog = !strcmp(ask("SELECT @@GLOBAL.log_bin"), "1");
    query("SET GLOBAL sync_binlog = 0");
    query("SET GLOBAL max_allowed_packet = 1024");
    mr_sql_check(f.config, 0, &findings);
    assert_true(finds(
        &findings, "max_allowed_packet is 1024 bytes, below batch.max_bytes: statements are kept smaller"));
    assert_true(finds(&findings, "max_allowed_packet is 1024 bytes, but a row of stream s may take "));
    assert_int_equal(
        finds(&findings, "sync_binlog is 0: a crash of the server can lose committed rows on its replicas"),
        binlog);
    mr_findings_free(&findings);
    query("SET GLOBAL sync_binlog = 1");
    char restore[128];
    snprintf(restore, sizeof restore, "SET GLOBAL max_allowed_packet = %s", before);
    query(restore);
    free(before);
    query("DROP USER IF EXISTS reader@'%'");
    query("CREATE USER reader@'%' IDENTIFIED BY 'brook'");
    query("GRANT SELECT, INSERT ON millrace_edge.* TO reader@'%'"); /* UPDATE is missing */
    mr_config *as_reader = configure(ksuid, "");
    as_reader->shards[0].user = "reader";
    as_reader->shards[0].password = "brook";
    mr_sql_check(as_reader, 0, &findings);
    assert_int_equal(mr_findings_status(&findings, false), MR_DENIED);
    mr_findings_free(&findings);
    mr_config_free(as_reader);
    query("DROP USER reader@'%'");
    query("ALTER TABLE edge DROP COLUMN s");
    mr_sql_check(f.config, 0, &findings);
    assert_int_equal(mr_findings_status(&findings, false), MR_CONFIG);
    mr_findings_free(&findings);
}

/* A statement that was bound before is only told where the next values are: NULL comes and goes, a row is refused in between, the server prepares it anew
 * behind the client's back. */
static void test_same_statement_again(void **state)
{
    static const char wide[] =
        "SELECT CONCAT_WS('/', s, IFNULL(i, 'null'), IFNULL(u, 'null'), IFNULL(j, 'null')) "
        "FROM edge WHERE n = 9";
    fixture usual = f;
    (void)state;
    open_fixture(ksuid, ",\"dialect\":\"mysql\"");
    make_table("ALTER TABLE edge ADD UNIQUE KEY other (s)");
    connect_well();
    for (int i = 0; i < 4; i++) {
        put(0, i, i % 2 ? "{\"i\":5,\"j\":[]}" : "{\"u\":7,\"s\":null}");
        write_and_commit(1, 0);
    }
    assert_string_equal(
        ask("SELECT GROUP_CONCAT(IFNULL(i, 'null'), ':', IFNULL(u, 'null') ORDER BY n) FROM edge"),
        "null:7,5:null,null:7,5:null");
    put(0, 7, "{\"s\":\"same\"}");
    write_and_commit(1, 0);
    put(0, 8, "{\"s\":\"same\"}");
    assert_int_equal(write_rows(1).db_class, MR_DB_ROW_POISON);
    put(0, 9, "{\"s\":\"other\",\"i\":-3,\"j\":{\"a\":1}}");
    write_and_commit(1, 0);
    assert_string_equal(ask(wide), "other/-3/null/{\"a\":1}");
    query("DELETE FROM edge");
    query("ALTER TABLE edge ADD COLUMN more INT, COMMENT 'another definition'");
    write_and_commit(1, 0);
    assert_string_equal(ask(wide), "other/-3/null/{\"a\":1}");
    close_fixture();
    f = usual;
}

/* ---- rows that are left out ---- */

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
    model_seed("sql_edge");
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
        cmocka_unit_test(test_all_types),
        cmocka_unit_test(test_many_rows_twice),
        cmocka_unit_test(test_rollback),
        cmocka_unit_test(test_unique_conflict),
        cmocka_unit_test(test_tables_that_do_not_fit),
        cmocka_unit_test(test_narrowed_later),
        cmocka_unit_test(test_lost_connection),
        cmocka_unit_test(test_lock_wait),
        cmocka_unit_test(test_refused_connections),
        cmocka_unit_test(test_dialects),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_same_statement_again),
        cmocka_unit_test(test_skipped_rows),
        cmocka_unit_test(test_all_skipped),
        cmocka_unit_test(test_skipped_null),
        cmocka_unit_test(test_refused_rows),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
