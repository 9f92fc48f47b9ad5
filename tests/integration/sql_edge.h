/* sql_edge.h: what sql_edge.c and sql_skipped.c share: a stream of all types in one table of a real server, the edge to it, and a client of the test's own.
 *
 * MILLRACE_TEST_PORT (127.0.0.1), MILLRACE_TEST_USER and MILLRACE_TEST_PASSWORD are the server's; tests/integration/14-sql-edge sets them.
 */
#ifndef MR_TESTS_SQL_EDGE_H
#define MR_TESTS_SQL_EDGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <mysql.h>

#include "base/ksuid.h"
#include "edges/sql.h"
#include "sql_record.h"
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

static inline const char *env(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value ? value : otherwise;
}

static inline void query(const char *text)
{
    if (mysql_query(f.other, text))
        fail_msg("%s: %s", text, mysql_error(f.other));
}

/* The one value of a query, as text. */
static inline char *ask(const char *text)
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

static inline mr_config *configure_with(const char *own, const char *id, const char *shard_more)
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
             id, own, env("MILLRACE_TEST_PORT", "3306"), env("MILLRACE_TEST_USER", "root"),
             env("MILLRACE_TEST_PASSWORD", ""), shard_more);
    if (mr_config_parse("test", text, strlen(text), NULL, &config, &findings))
        fail_msg("%s: %s", findings.at[0].where, findings.at[0].what);
    mr_findings_free(&findings);
    return config;
}

static inline mr_config *configure(const char *id, const char *shard_more)
{
    return configure_with(columns, id, shard_more);
}

static inline void make_table(const char *then)
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
static inline void open_fixture_with(const char *own, const char *id, const char *shard_more)
{
    mr_error error;
    f.config = configure_with(own, id, shard_more);
    f.arena = mr_arena_new();
    assert_int_equal(mr_decoder_new(&f.config->streams[0], f.arena, &f.decoder, &error), 0);
    f.layouts = mr_arena_take(f.arena, "layouts", 1, sizeof *f.layouts);
    *f.layouts = *mr_decoder_layout(f.decoder);
    f.records = mr_arena_take(f.arena, "records", ROWS, f.layouts->size);
    f.sql = mr_sql_new(f.config, 0, f.layouts, f.arena);
}

static inline void open_fixture(const char *id, const char *shard_more)
{
    open_fixture_with(columns, id, shard_more);
}

static inline void close_fixture(void)
{
    mr_sql_free(f.sql);
    mr_arena_free(f.arena);
    mr_config_free(f.config);
}

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
{
    (void)state;
    query("DROP DATABASE millrace_edge");
    mysql_close(f.other);
    close_fixture();
    return 0;
}

static inline void put(uint32_t row, int64_t offset, const char *event)
{
    store(f.decoder, f.records + (uint64_t)row * f.layouts->size, offset, event);
}

static const char full[] =
    "{\"s\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 "
    "'quoted'\",\"i\":-128,\"u\":18446744073709551615,\"d\":-123456789012345.67891,\"f\":0.1,\"b\":true,"
    "\"t\":\"2026-01-31T23:59:59.999999+01:00\",\"dt\":\"2024-02-29\",\"tm\":\"23:59:59.000001\",\"g\":"
    "\"dab45194-42cc-4106-ab9f-2447fa4d35c2\","
    "\"x\":\"AP8=\",\"j\":{\"a\": [1, \"\\u00e9\"]}}";

static inline void connect_well(void)
{
    if (mr_sql_connected(f.sql))
        mr_sql_close(f.sql);
    mr_sql_result result = mr_sql_connect(f.sql);
    if (result.db_class != MR_DB_OK)
        fail_msg("connect: %u %s", result.code, result.text);
}

static inline mr_sql_result write_rows(uint32_t rows)
{
    return mr_sql_write(f.sql, 0, f.records, rows);
}

static inline void write_and_commit(uint32_t rows, uint32_t existing)
{
    mr_sql_result result = write_rows(rows);
    if (result.db_class != MR_DB_OK)
        fail_msg("write: %u %s %s", result.code, result.sqlstate, result.text);
    assert_int_equal(result.rows_existing, existing);
    assert_int_equal(mr_sql_commit(f.sql).db_class, MR_DB_OK);
}

#endif
