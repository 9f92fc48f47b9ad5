/* sql_errors.h: what sql_errors.c (a real MariaDB) and sql_errors_fake.c (tests/tools/fake_mysql.py) share: a stream with one table, an edge
 * to a shard of the test's choice, and the list of codes seen.
 *
 * Every code that came out of the edge as it should is one line "code class how" in the file $MILLRACE_TEST_SEEN.
 */
#ifndef MR_TESTS_SQL_ERRORS_H
#define MR_TESTS_SQL_ERRORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <mysql.h>

#include "edges/sql.h"
#include "sql_record.h"
#include "stages/schema.h"

enum { ROWS = 700 }; /* more than one multi-row statement */

typedef struct fixture {
    mr_config *config; /* with the shard that the edge was opened for last */
    mr_arena *arena;   /* the edge's */
    mr_sql *sql;
    mr_config *base; /* for the decoder, and the arena of the rest */
    mr_arena *base_arena;
    mr_decoder *decoder;
    mr_layout *layouts;
    unsigned char *records;
    MYSQL *other; /* a client of the test's own, where there is a real server */
    FILE *seen;
} fixture;

static fixture f;

static inline const char *env(const char *name)
{
    const char *value = getenv(name);
    if (!value)
        fail_msg("%s is not set: run tests/integration/21-error-classes", name);
    return value;
}

/* ---- the edge ---- */

/* shard: members of the shard's object, from its "host" or "socket" on. */
static inline mr_config *configure(const char *shard)
{
    char text[4096];
    mr_config *config;
    mr_findings findings = {0};
    snprintf(
        text, sizeof text,
        "{\"kafka\":{\"bootstrap_servers\":\"b:1\",\"group_id\":\"g\"},\"streams\":[{\"name\":\"s\","
        "\"topic\":\"t\",\"table\":\"errors\",\"id\":{\"column\":\"id\",\"from\":\"ksuid\"},\"columns\":["
        "{\"name\":\"s\",\"from\":\"s\",\"type\":\"string\",\"max_bytes\":40},"
        "{\"name\":\"u\",\"from\":\"u\",\"type\":\"uint64\"},"
        "{\"name\":\"n\",\"from\":\"@offset\",\"type\":\"int64\"}]}],\"shards\":[{\"name\":\"a\",%s}]}",
        shard);
    if (mr_config_parse("test", text, strlen(text), NULL, &config, &findings))
        fail_msg("%s: %s: %s", shard, findings.at[0].where, findings.at[0].what);
    mr_findings_free(&findings);
    return config;
}

static inline void edge_drop(void)
{
    if (!f.config)
        return;
    mr_sql_free(f.sql);
    mr_arena_free(f.arena);
    mr_config_free(f.config);
    f.config = NULL;
}

static inline void edge_make(const char *shard)
{
    edge_drop();
    f.config = configure(shard);
    f.arena = mr_arena_new();
    f.sql = mr_sql_new(f.config, 0, f.layouts, f.arena);
}

static inline void connect_well(void)
{
    if (mr_sql_connected(f.sql))
        mr_sql_close(f.sql);
    mr_sql_result result = mr_sql_connect(f.sql);
    if (result.db_class != MR_DB_OK)
        fail_msg("connect: %u %s %s", result.code, mr_db_class_name(result.db_class), result.text);
}

static inline void put(uint32_t row, int64_t offset, const char *event)
{
    store(f.decoder, f.records + (uint64_t)row * f.layouts->size, offset, event);
}

static inline mr_sql_result write_rows(uint32_t rows)
{
    return mr_sql_write(f.sql, 0, f.records, rows);
}

static inline mr_sql_result write_event(int64_t offset, const char *event)
{
    put(0, offset, event);
    return write_rows(1);
}

static inline void write_well(int64_t offset, const char *event)
{
    mr_sql_result result = write_event(offset, event);
    if (result.db_class != MR_DB_OK)
        fail_msg("write: %u %s %s", result.code, result.sqlstate, result.text);
}

static inline void commit_well(void)
{
    mr_sql_result result = mr_sql_commit(f.sql);
    if (result.db_class != MR_DB_OK)
        fail_msg("commit: %u %s", result.code, result.sqlstate);
}

/* What the writer does after a failure: roll back, or close what cannot be trusted. */
static inline void clear_up(mr_db_class db_class)
{
    if (mr_db_class_keeps_connection(db_class)) {
        mr_sql_result result = mr_sql_rollback(f.sql);
        if (result.db_class != MR_DB_OK)
            fail_msg("rollback: %u %s", result.code, result.sqlstate);
    } else {
        mr_sql_close(f.sql);
    }
}

/* ---- what is expected ---- */

static inline void seen(mr_sql_result result, const char *how)
{
    fprintf(f.seen, "%u\t%s\t%s\n", result.code, mr_db_class_name(result.db_class), how);
}

/* One of the codes (up to a 0) in that class. */
static inline void expect_one(mr_sql_result result, mr_db_class db_class, const unsigned *codes,
                              const char *how)
{
    while (*codes && *codes != result.code)
        codes++;
    if (!*codes || result.db_class != db_class)
        fail_msg("%s: %u %s is %s, and should be %s", how, result.code, result.text,
                 mr_db_class_name(result.db_class), mr_db_class_name(db_class));
    seen(result, how);
}

static inline void expect(mr_sql_result result, mr_db_class db_class, unsigned code, const char *how)
{
    if (result.code != code)
        fail_msg("%s: %u %s (%s), and should be %u", how, result.code, result.text,
                 mr_db_class_name(result.db_class), code);
    expect_one(result, db_class, (const unsigned[]){code, 0}, how);
}

/* ---- begin and end ---- */

static inline void fixture_begin(void)
{
    mr_error error;
    f.seen = fopen(env("MILLRACE_TEST_SEEN"), "a");
    assert_non_null(f.seen);
    f.base = configure("\"host\":\"127.0.0.1\",\"user\":\"u\",\"database\":\"errors\"");
    f.base_arena = mr_arena_new();
    assert_int_equal(mr_decoder_new(&f.base->streams[0], f.base_arena, &f.decoder, &error), 0);
    f.layouts = mr_arena_take(f.base_arena, "layouts", 1, sizeof *f.layouts);
    *f.layouts = *mr_decoder_layout(f.decoder);
    f.records = mr_arena_take(f.base_arena, "records", ROWS, f.layouts->size);
}

static inline void fixture_end(void)
{
    edge_drop();
    mr_arena_free(f.base_arena);
    mr_config_free(f.base);
    fclose(f.seen);
}

#endif
