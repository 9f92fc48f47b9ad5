/* The text of a stream's INSERT, in both dialects: by it the same row again changes nothing, and a row that collides on another unique key is an
 * error instead of vanishing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "edges/sql.h"
#include "stages/decode.h"
#include "worker/edges/sql_private.h"

static char text[4096];

/* table and id: of the stream that is asked about; it has the columns a and `b``c`. */
static const char *statement(const char *table, const char *id, mr_dialect dialect, uint32_t rows)
{
    mr_config *config;
    mr_findings findings = {0};
    char file[2048];
    snprintf(file, sizeof file,
             "{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\"},\"streams\":[{\"name\":\"s\","
             "\"topic\":\"t\",\"table\":\"%s\",\"id\":%s,\"columns\":["
             "{\"name\":\"a\",\"from\":\"a\",\"type\":\"int64\",\"required\":true},"
             "{\"name\":\"b`c\",\"from\":\"b\",\"type\":\"int64\",\"required\":true}]}],\"shards\":["
             "{\"name\":\"s0\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}]}",
             table, id);
    if (mr_config_parse("test", file, strlen(file), NULL, &config, &findings))
        fail_msg("%s: %s", findings.at[0].where, findings.at[0].what);
    mr_findings_free(&findings);
    mr_buf out = mr_buf_over(text, sizeof text);
    mr_sql_statement(&config->streams[0], dialect, rows, &out);
    assert_false(out.full);
    mr_config_free(config);
    return text;
}

static const char ksuid[] = "{\"column\":\"id\",\"from\":\"ksuid\"}";

static void test_mariadb(void **state)
{
    (void)state;
    assert_string_equal(statement("t", ksuid, MR_DIALECT_MARIADB, 1),
                        "INSERT INTO `t` (`id`, `a`, `b``c`) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE "
                        "`id` = IF(`t`.`id` = VALUES(`id`), `t`.`id`, NULL)");
    assert_string_equal(
        statement("db.t", "{\"columns\":[\"b`c\",\"a\"]}", MR_DIALECT_MARIADB, 1),
        "INSERT INTO `db`.`t` (`a`, `b``c`) VALUES (?, ?) ON DUPLICATE KEY UPDATE "
        "`b``c` = IF(`t`.`b``c` = VALUES(`b``c`) AND `t`.`a` = VALUES(`a`), `t`.`b``c`, NULL)");
}

static void test_mysql(void **state)
{
    (void)state;
    assert_string_equal(statement("t", ksuid, MR_DIALECT_MYSQL, 2),
                        "INSERT INTO `t` (`id`, `a`, `b``c`) VALUES (?, ?, ?), (?, ?, ?) "
                        "AS new ON DUPLICATE KEY UPDATE `id` = IF(`t`.`id` = new.`id`, `t`.`id`, NULL)");
    assert_string_equal(statement("db.t", "{\"columns\":[\"a\",\"b`c\"]}", MR_DIALECT_MYSQL, 1),
                        "INSERT INTO `db`.`t` (`a`, `b``c`) VALUES (?, ?) AS new ON DUPLICATE KEY UPDATE "
                        "`a` = IF(`t`.`a` = new.`a` AND `t`.`b``c` = new.`b``c`, `t`.`a`, NULL)");
}

/* Names so long that no statement holds them: said before a server is asked. */
static void test_too_long(void **state)
{
    (void)state;
    enum { NAME = 140000 };
    char *file = malloc(2 * NAME + 2048);
    mr_config *config;
    mr_findings findings = {0};
    snprintf(file, 2 * NAME + 2048,
             "{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\"},\"streams\":[{\"name\":\"s\","
             "\"topic\":\"t\",\"table\":\"t\",\"id\":%s,\"columns\":["
             "{\"name\":\"%0*d\",\"from\":\"a\",\"type\":\"int64\"},"
             "{\"name\":\"%0*d\",\"from\":\"b\",\"type\":\"int64\"}]}],\"shards\":["
             "{\"name\":\"s0\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}]}",
             ksuid, NAME, 1, NAME, 2);
    assert_int_equal(mr_config_parse("test", file, strlen(file), NULL, &config, &findings), MR_OK);
    mr_arena *arena = mr_arena_new();
    mr_layout layout;
    mr_stream_layout(&config->streams[0], &layout);
    mr_sql *sql = mr_sql_new(config, 0, &layout, arena);
    mr_sql_result result = mr_sql_prepare(sql);
    assert_int_equal(result.db_class, MR_DB_SHARD_FATAL);
    assert_string_equal(result.text,
                        "stream s: its statement is longer than 262144 bytes: use fewer columns");
    mr_sql_free(sql);
    mr_arena_free(arena);
    mr_config_free(config);
    mr_findings_free(&findings);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mariadb), cmocka_unit_test(test_mysql),
                                       cmocka_unit_test(test_too_long)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
