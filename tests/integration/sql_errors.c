/* Every error of the design's table that a real MariaDB can be brought to answer, provoked through the SQL edge, and what is left of the
 * transaction afterwards.  Run by tests/integration/21-error-classes.  The rest: sql_errors_fake.c.
 */
#include "base/ksuid.h"
#include "sql_errors_real.h"

static int set_up(void **state)
{
    (void)state;
    fixture_begin();
    f.other = client_of(0);
    query("DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost'; FLUSH PRIVILEGES;"
          "CREATE DATABASE errors; USE errors");
    make_table();
    query("CREATE USER millrace@'%' IDENTIFIED BY 'brook', stranger@'%' IDENTIFIED BY 'brook', broad@'%' "
          "IDENTIFIED "
          "BY 'brook', nobody@'%' IDENTIFIED VIA unix_socket;"
          "GRANT SELECT, INSERT, UPDATE ON errors.errors TO millrace@'%';"
          "GRANT SELECT, INSERT, UPDATE ON *.* TO broad@'%'");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    edge_drop();
    mysql_close(f.other);
    fixture_end();
    return 0;
}

/* ---- statements that the server refuses ---- */

typedef struct refusal {
    unsigned code;
    mr_db_class db_class;
    const char *how;   /* for people */
    const char *then;  /* done behind the edge's back, after it has looked at the table */
    const char *first; /* an event that is stored before, in the same transaction; NULL: none can be */
    const char *event; /* the one that fails; its offset is 2 */
} refusal;

#define TRIGGER(body) "CREATE TRIGGER t BEFORE INSERT ON errors FOR EACH ROW " body

static const refusal refusals[] = {
    {1048, MR_DB_ROW_POISON, "NULL for NOT NULL", "ALTER TABLE errors MODIFY s VARCHAR(40) NOT NULL",
     "{\"s\":\"a\"}", "{}"},
    {1048, MR_DB_ROW_POISON, "another unique key, through the guard",
     "ALTER TABLE errors ADD UNIQUE KEY other (s)", "{\"s\":\"a\"}", "{\"s\":\"a\"}"},
    {1062, MR_DB_ROW_POISON, "duplicate in a trigger's table",
     "CREATE TABLE side (a INT PRIMARY KEY);" TRIGGER("INSERT INTO side VALUES (1)"), "{}", "{}"},
    {1264, MR_DB_ROW_POISON, "column narrowed", "ALTER TABLE errors MODIFY u TINYINT UNSIGNED", "{}",
     "{\"u\":300}"},
    {1265, MR_DB_ROW_POISON, "not of the ENUM", "ALTER TABLE errors MODIFY s ENUM('a')", "{}",
     "{\"s\":\"b\"}"},
    {1292, MR_DB_ROW_POISON, "text in a DATETIME", "ALTER TABLE errors MODIFY s DATETIME", "{}",
     "{\"s\":\"b\"}"},
    {1300, MR_DB_ROW_POISON, "invalid characters in a trigger",
     TRIGGER("IF NEW.n = 2 THEN SET NEW.s = CONVERT(UNHEX('FF') USING utf8mb4); END IF"), "{}", "{}"},
    {1366, MR_DB_ROW_POISON, "text in an INT", "ALTER TABLE errors MODIFY s INT", "{\"s\":\"1\"}",
     "{\"s\":\"b\"}"},
    {1406, MR_DB_ROW_POISON, "longer than the column", "ALTER TABLE errors MODIFY s VARCHAR(1)",
     "{\"s\":\"1\"}", "{\"s\":\"bb\"}"},
    {1452, MR_DB_ROW_POISON, "foreign key",
     "CREATE TABLE parent (n BIGINT PRIMARY KEY) ENGINE=InnoDB; INSERT INTO parent VALUES (1);"
     "ALTER TABLE errors ADD FOREIGN KEY (n) REFERENCES parent (n)",
     "{}", "{}"},
    {1526, MR_DB_ROW_POISON, "no partition",
     "ALTER TABLE errors PARTITION BY RANGE COLUMNS (id) (PARTITION p VALUES LESS THAN (x'00'))", NULL, "{}"},
    {1644, MR_DB_ROW_POISON, "SIGNAL in a trigger",
     TRIGGER("IF NEW.n = 2 THEN SIGNAL SQLSTATE '45000'; END IF"), "{}", "{}"},
    {1690, MR_DB_ROW_POISON, "arithmetic in a trigger", TRIGGER("SET NEW.u = NEW.u + 1"), "{}",
     "{\"u\":18446744073709551615}"},
    {4025, MR_DB_ROW_POISON, "CHECK", "ALTER TABLE errors ADD CHECK (n <> 2)", "{}", "{}"},
    {1054, MR_DB_SHARD_FATAL, "column dropped", "ALTER TABLE errors DROP COLUMN u", NULL, "{}"},
    {1136, MR_DB_SHARD_FATAL, "a trigger's INSERT with too many values",
     "CREATE TABLE side (a INT);" TRIGGER("IF NEW.n = 2 THEN INSERT INTO side VALUES (1, 2); END IF"), NULL,
     "{}"},
    {1142, MR_DB_SHARD_FATAL, "REVOKE INSERT", "REVOKE INSERT ON errors.errors FROM millrace@'%'", NULL,
     "{}"},
    {1143, MR_DB_SHARD_FATAL, "INSERT granted for other columns",
     "REVOKE INSERT ON errors.errors FROM millrace@'%'; GRANT INSERT (id) ON errors.errors TO millrace@'%'",
     NULL, "{}"},
    {1146, MR_DB_SHARD_FATAL, "table renamed", "RENAME TABLE errors TO parent; CREATE TABLE side (a INT)",
     NULL, "{}"},
    {1364, MR_DB_SHARD_FATAL, "new column without a default",
     "ALTER TABLE errors ADD COLUMN more INT NOT NULL", NULL, "{}"},
    {1114, MR_DB_RESOURCE, "a full MEMORY table behind a trigger",
     "SET max_heap_table_size = 16384; CREATE TABLE side (a CHAR(255)) ENGINE=MEMORY;" TRIGGER(
         "IF NEW.n = 2 THEN INSERT INTO side SELECT 'a' FROM seq_1_to_1000; END IF"),
     "{}", "{}"},
};

static void provoke_refusal(const refusal *one)
{
    make_table();
    query("GRANT SELECT, INSERT, UPDATE ON errors.errors TO millrace@'%'");
    connect_well();
    query(one->then);
    if (one->first)
        write_well(1, one->first);
    mr_sql_result result = write_event(2, one->event);
    expect(result, one->db_class, one->code, one->how);
    assert_int_equal(strlen(result.sqlstate), 5);
    assert_string_equal(result.text, ""); /* it could hold row data */
    if (one->first)
        expect_present(1, one->how); /* the statement is undone, what came before is not */
    clear_up(result.db_class);
    if (one->first) {
        expect_present(0, one->how);
        write_well(1, one->first); /* a good row still goes through */
        commit_well();
        assert_int_equal(durable(), 1);
    }
    if (mr_sql_connected(f.sql))
        mr_sql_close(f.sql);
}

static void test_refused_statements(void **state)
{
    (void)state;
    static const char *const dialects[] = {"", ",\"dialect\":\"mysql\""};
    for (size_t d = 0; d < 2; d++) {
        edge_make(shard_of("millrace", dialects[d]));
        for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
            provoke_refusal(&refusals[i]);
    }
    make_table();
    query("GRANT SELECT, INSERT, UPDATE ON errors.errors TO millrace@'%'");
}

/* ---- the whole server refuses ---- */

static void test_read_only(void **state)
{
    (void)state;
    make_table();
    edge_make(shard_of("millrace", ""));
    connect_well();
    write_well(1, "{}");
    query("SET GLOBAL read_only = ON");
    mr_sql_result result = write_event(2, "{}");
    query("SET GLOBAL read_only = OFF");
    expect(result, MR_DB_READ_ONLY, 1290, "SET GLOBAL read_only");
    clear_up(result.db_class);
    expect_present(0, "1290");
    query("SET GLOBAL tx_read_only = ON");
    result = mr_sql_connect(f.sql); /* it is the server's first look at the INSERT that fails */
    query("SET GLOBAL tx_read_only = OFF");
    expect(result, MR_DB_READ_ONLY, 1792, "SET GLOBAL tx_read_only");
    assert_false(mr_sql_connected(f.sql));
}

static void test_packets(void **state)
{
    (void)state;
    static const char *const dialects[] = {"", ",\"dialect\":\"mysql\""};
    make_table();
    for (uint32_t i = 0; i < ROWS; i++)
        put(i, i, "{\"s\":\"0123456789012345678901234567890123456789\"}");
    for (size_t d = 0; d < 2; d++) {
        mr_sql_result result = {.code = 2006};
        edge_make(shard_of("millrace", dialects[d]));
        /* The server answers and hangs up at the first bytes; a client that is still sending may see only the latter. */
        for (int i = 0; i < 50 && result.code == 2006; i++) {
            query("SET GLOBAL max_allowed_packet = 16384");
            connect_well();
            query("SET GLOBAL max_allowed_packet = 16777216");
            assert_int_equal(mr_sql_packet_bytes(f.sql), 8192);
            result = write_rows(ROWS);
            if (result.code == 2006)
                expect(result, MR_DB_AMBIGUOUS, 2006, "hung up on while sending too much");
        }
        expect(result, MR_DB_TOO_BIG, 1153, "max_allowed_packet of the server");
        clear_up(result.db_class);
        expect_present(0, "1153");
        connect_well(); /* a larger limit now: as it is read at connect */
        assert_int_equal(write_rows(ROWS).db_class, MR_DB_OK);
        clear_up(MR_DB_TRANSIENT);
        expect_present(0, "rollback");
    }
}

/* Executions of a prepared statement do not count, everything else does: it is a COMMIT, later the connecting, that is refused. */
static void test_queries_used_up(void **state)
{
    (void)state;
    make_table();
    query("CREATE USER counted@'%' IDENTIFIED BY 'brook' WITH MAX_QUERIES_PER_HOUR 40;"
          "GRANT SELECT, INSERT, UPDATE ON errors.* TO counted@'%'");
    edge_make(shard_of("counted", ""));
    connect_well();
    mr_sql_result result = {.db_class = MR_DB_OK};
    unsigned rows = 0;
    for (; rows < 100 && result.db_class == MR_DB_OK; rows++) {
        write_well(rows, "{}");
        result = mr_sql_commit(f.sql);
    }
    expect(result, MR_DB_AMBIGUOUS, 1226, "MAX_QUERIES_PER_HOUR, by a COMMIT");
    clear_up(result.db_class);
    expect_present(rows - 1, "1226");
    expect(mr_sql_connect(f.sql), MR_DB_CONNECTION, 1226, "MAX_QUERIES_PER_HOUR, while connecting");
}

/* left: rows of the transaction that are there until the ROLLBACK, or the closing. */
static void expect_after_lock(mr_sql_result result, MYSQL *holder, unsigned left, const char *how)
{
    expect_present(1 + left, how);
    clear_up(result.db_class);
    expect_present(1, how);
    query_on(holder, "ROLLBACK");
    if (!mr_sql_connected(f.sql))
        connect_well();
    write_well(0, "{}"); /* tried again, it works */
    write_well(1, "{}");
    commit_well();
    assert_int_equal(durable(), 2);
}

/* 1205, 1317, 1969: only the statement is undone, so that the ROLLBACK is what removes the rest. */
static void test_waits_that_end(void **state)
{
    (void)state;
    MYSQL *holder = client_of(0);
    make_table();
    edge_make(shard_of("millrace", ""));
    connect_well();
    mr_sql_result result = write_behind_lock(holder, NULL);
    expect(result, MR_DB_TRANSIENT, 1205, "innodb_lock_wait_timeout");
    expect_after_lock(result, holder, 1, "1205");

    make_table();
    connect_well();
    result = write_behind_lock(holder, &(later){.text = "KILL QUERY"});
    expect(result, MR_DB_TRANSIENT, 1317, "KILL QUERY");
    expect_after_lock(result, holder, 1, "1317");

    make_table();
    query("SET GLOBAL max_statement_time = 1");
    connect_well();
    query("SET GLOBAL max_statement_time = 0");
    result = write_behind_lock(holder, NULL);
    expect(result, MR_DB_TRANSIENT, 1969, "max_statement_time");
    expect_after_lock(result, holder, 1, "1969");

    make_table();
    query("SET GLOBAL lock_wait_timeout = 1");
    connect_well();
    query("SET GLOBAL lock_wait_timeout = 86400");
    query("LOCK TABLE errors WRITE");
    result = write_event(1, "{}");
    query("UNLOCK TABLES");
    expect(result, MR_DB_TRANSIENT, 1205, "lock_wait_timeout (the table's definition)");
    clear_up(result.db_class);
    expect_present(0, "1205 of a table");
    mysql_close(holder);
}

/* 1213: the server has rolled the transaction back already. */
static void test_deadlock(void **state)
{
    (void)state;
    MYSQL *holder = client_of(0);
    char text[256], id[41];
    make_table();
    edge_make(shard_of("millrace", ""));
    connect_well();
    write_well(0, "{}");
    for (int i = 0; i < MR_KSUID_BYTES; i++)
        snprintf(id + 2 * i, 3, "%02X", mr_record_value(f.layouts, f.records, 0)[i]);
    commit_well();
    /* The one that has changed less is the victim. */
    query("CREATE TABLE side (a INT) ENGINE=InnoDB");
    query_on(holder, "USE errors; BEGIN; INSERT INTO side SELECT seq FROM seq_1_to_1000;"
                     "SELECT * FROM errors WHERE n = 0 FOR UPDATE");
    write_well(1, "{}");
    for (int i = 0; i < MR_KSUID_BYTES; i++)
        snprintf(id + 2 * i, 3, "%02X", mr_record_value(f.layouts, f.records, 0)[i]);
    snprintf(text, sizeof text, "INSERT INTO errors (id) VALUES (x'%s')", id);
    mysql_send_query(holder, text, strlen(text)); /* waits for the edge's row 1 */
    nap_ms(500);
    mr_sql_result result = write_event(0, "{}"); /* ... and the edge for row 0 */
    expect(result, MR_DB_TRANSIENT, 1213, "deadlock of two connections");
    assert_int_equal(mysql_read_query_result(holder),
                     0); /* the other one goes on: nothing of the edge's is left */
    query_on(holder, "ROLLBACK");
    expect_present(1, "1213 before the ROLLBACK");
    clear_up(result.db_class);
    write_well(0, "{}");
    write_well(1, "{}");
    commit_well();
    assert_int_equal(durable(), 2);
    mysql_close(holder);
}

static void test_killed_connections(void **state)
{
    (void)state;
    MYSQL *holder = client_of(0);
    make_table();
    edge_make(shard_of("millrace", ""));
    connect_well();
    mr_sql_result result = write_behind_lock(holder, &(later){.text = "KILL CONNECTION"});
    expect_one(result, MR_DB_AMBIGUOUS, (const unsigned[]){1927, 2013, 0},
               "KILL CONNECTION in mid-statement");
    expect_after_lock(result, holder, 0, "KILL CONNECTION");

    static const char kill_idle[] = "KILL USER millrace";
    static const unsigned lost[] = {2006, 2013, 1927, 0};
    make_table();
    connect_well();
    write_well(1, "{}");
    query(kill_idle);
    expect_present(0, "KILL of an idle connection");
    result = write_event(2, "{}");
    expect_one(result, MR_DB_AMBIGUOUS, lost, "KILL between two statements");
    expect_one(write_event(2, "{}"), MR_DB_AMBIGUOUS, (const unsigned[]){2006, 0},
               "a connection that is gone");
    clear_up(result.db_class);

    connect_well();
    write_well(1, "{}");
    query(kill_idle);
    expect_present(0, "KILL before the COMMIT");
    result = mr_sql_commit(f.sql);
    expect_one(result, MR_DB_AMBIGUOUS, lost, "KILL before the COMMIT");
    clear_up(result.db_class);
    expect_present(0, "COMMIT on a killed connection");
    mysql_close(holder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_statements),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_packets),
        cmocka_unit_test(test_queries_used_up),
        cmocka_unit_test(test_waits_that_end),
        cmocka_unit_test(test_deadlock),
        cmocka_unit_test(test_killed_connections),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
