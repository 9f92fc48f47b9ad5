/* The text of a stream's INSERT, in both dialects: by it the same row again changes nothing, and a row that collides on another unique key is an
 * error instead of vanishing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "edges/sql.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mariadb), cmocka_unit_test(test_mysql)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
