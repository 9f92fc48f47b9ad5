/* The SQL edge against a real server, which MILLRACE_TEST_DIALECT, "mariadb" or "mysql", says what it is expected to be: types, identities, tables that
 * do not fit, connections.  Run by tests/integration/14-sql-edge. */
#include "sql_edge.h"

#include "../../worker/edges/sql_private.h"

/* Ends the edge's session. */
static void kill_edge(void)
{
    char kill[600];
    snprintf(kill, sizeof kill, "KILL %s",
             ask("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = 'millrace_edge' AND ID <> "
                 "CONNECTION_ID() LIMIT 1"));
    query(kill);
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
    char before[512];
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

/* `count` rows from `from` on, sent ahead. */
static void send_well(uint32_t from, uint32_t count)
{
    unsigned char *records = f.records + (uint64_t)from * f.layouts->size;
    assert_int_equal(mr_sql_send(f.sql, 0, records, count).db_class, MR_DB_OK);
}

/* Writes that are sent one behind the other are answered in their order; one that is refused does not stop the next. */
static void test_sent_ahead(void **state)
{
    (void)state;
    make_table("ALTER TABLE edge ADD UNIQUE KEY other (s)");
    connect_well();
    if (!strcmp(env("MILLRACE_TEST_DIALECT", "mariadb"), "mysql")) {
        assert_int_equal(mr_sql_ahead(f.sql), 0);
        return;
    }
    assert_true(mr_sql_ahead(f.sql) >= 4);
    for (uint32_t i = 0; i < 12; i++) {
        char event[32];
        snprintf(event, sizeof event, "{\"s\":\"%u\"}", i == 5 ? 0 : i % 9);
        put(i, i < 9 ? i : i - 9, event); /* the last three are the first three */
    }
    for (uint32_t i = 6; i < 8; i++)
        mr_record_skip(f.layouts, f.records + (uint64_t)i * f.layouts->size);
    send_well(0, 3);
    send_well(3, 3); /* the last collides with the first of all */
    send_well(6, 2); /* nothing to send */
    send_well(8, 4);
    assert_int_equal(mr_sql_answer(f.sql).db_class, MR_DB_OK);
    mr_sql_result refused = mr_sql_answer(f.sql);
    assert_true(refused.db_class == MR_DB_ROW_POISON && refused.unique_conflict);
    assert_int_equal(mr_sql_answer(f.sql).db_class, MR_DB_OK);
    mr_sql_result last = mr_sql_answer(f.sql);
    assert_true(last.db_class == MR_DB_OK && last.rows_existing == 3);
    assert_int_equal(mr_sql_commit(f.sql).db_class, MR_DB_OK);
    assert_string_equal(ask("SELECT GROUP_CONCAT(n ORDER BY n) FROM edge"), "0,1,2,8");
}

/* The connection goes while writes are on their way: whichever call it is that says so, nothing is in, and a new connection works. */
static void test_lost_ahead(void **state)
{
    (void)state;
    make_table("");
    connect_well();
    if (mr_sql_ahead(f.sql) == 0)
        return;
    for (uint32_t i = 0; i < ROWS; i++)
        put(i, i, full);
    send_well(0, ROWS);
    kill_edge();
    uint32_t failed = 0;
    for (int i = 0; i < 3 && mr_sql_connected(f.sql); i++)
        failed += mr_sql_send(f.sql, 0, f.records, ROWS).db_class != MR_DB_OK;
    for (int i = 0; i < 4 && mr_sql_connected(f.sql); i++)
        failed += mr_sql_answer(f.sql).db_class != MR_DB_OK;
    assert_true(failed > 0);
    mr_sql_close(f.sql);
    assert_string_equal(ask("SELECT COUNT(*) FROM edge"), "0");
    connect_well();
    send_well(0, ROWS);
    assert_int_equal(mr_sql_answer(f.sql).db_class, MR_DB_OK);
    assert_int_equal(mr_sql_commit(f.sql).db_class, MR_DB_OK);
    assert_string_equal(ask("SELECT COUNT(*) FROM edge"), "700");
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

/* Servers allow 64 characters, and UTF-8 writes most of them as three bytes. */
static void test_long_names(void **state)
{
#define EIGHT                                                                                                \
    "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
#define LONG_NAME EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT "1234567"
    fixture usual = f;
    (void)state;
    open_fixture_with("{\"name\":\"" LONG_NAME "a\",\"from\":\"a\",\"type\":\"int8\",\"required\":true},"
                      "{\"name\":\"" LONG_NAME "b\",\"from\":\"b\",\"type\":\"int8\",\"required\":true}",
                      "{\"columns\":[\"" LONG_NAME "b\"]}", "");
    make_table("");
    connect_well();
    put(0, 0, "{\"a\":1,\"b\":2}");
    write_and_commit(1, 0);
    assert_string_equal(ask("SELECT " LONG_NAME "a FROM edge WHERE " LONG_NAME "b = 2"), "1");
    close_fixture();
    f = usual;
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
    kill_edge();
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

/* All that a connection can ask, with the KILL of one that broke before it, is what a writer waits for. */
static void test_questions(void **state)
{
    unsigned long asked = 0;
    (void)state;
    make_table("");
    connect_well();
    put(0, 1, full);
    assert_int_equal(write_rows(1).db_class, MR_DB_OK);
    char kill[64];
    snprintf(kill, sizeof kill, "KILL %lu", mysql_thread_id(f.sql->client));
    query(kill);
    assert_int_equal(mr_sql_commit(f.sql).db_class, MR_DB_AMBIGUOUS);
    connect_well();
    assert_false(mysql_query(f.sql->client, "SHOW SESSION STATUS WHERE Variable_name IN ('Questions', "
                                            "'Com_stmt_prepare')")); /* a question itself */
    MYSQL_RES *rows = mysql_store_result(f.sql->client);
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows)) != NULL;)
        asked += strtoul(row[1], NULL, 10);
    mysql_free_result(rows);
    assert_int_equal(asked - 1, MR_SQL_QUESTIONS + MR_SQL_QUESTIONS_A_STREAM);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_types),
        cmocka_unit_test(test_many_rows_twice),
        cmocka_unit_test(test_rollback),
        cmocka_unit_test(test_unique_conflict),
        cmocka_unit_test(test_sent_ahead),
        cmocka_unit_test(test_lost_ahead),
        cmocka_unit_test(test_tables_that_do_not_fit),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_narrowed_later),
        cmocka_unit_test(test_lost_connection),
        cmocka_unit_test(test_questions),
        cmocka_unit_test(test_lock_wait),
        cmocka_unit_test(test_refused_connections),
        cmocka_unit_test(test_dialects),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_same_statement_again),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
