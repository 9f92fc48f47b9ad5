/* The errors that a real MariaDB cannot be brought to answer, from tests/tools/fake_mysql.py through the SQL edge, in both dialects; in the end
 * every number of the table of worker/stages/dberror.c has been seen.  Run by tests/integration/21-error-classes, after the others.
 *
 * MILLRACE_TEST_FAKE is the fake's folder. */
#include "sql_errors.h"

static bool bulk;
static long log_at; /* where the fake's log ended when it was last looked at */

static void file_name(char out[512], const char *name)
{
    snprintf(out, 512, "%s/%s", env("MILLRACE_TEST_FAKE"), name);
}

/* What the fake does from now on; rule: see fake_mysql.py. */
static void fake(const char *rule)
{
    char name[512], new_name[512];
    file_name(name, "control");
    file_name(new_name, "control.new");
    FILE *file = fopen(new_name, "w");
    assert_non_null(file);
    fprintf(file, "%s\n%s\n", bulk ? "mariadb" : "mysql", rule);
    fclose(file);
    assert_int_equal(rename(new_name, name), 0);
}

static void fake_error(const char *point, unsigned code, const char *state, const char *text)
{
    char rule[256];
    snprintf(rule, sizeof rule, "%s error %u %s %s", point, code, state, text);
    fake(rule);
}

/* Lines with that text in the fake's log, since this was last asked. */
static unsigned fake_saw(const char *text)
{
    char name[512], line[4096];
    unsigned count = 0;
    file_name(name, "log");
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    fseek(file, log_at, SEEK_SET);
    while (fgets(line, sizeof line, file))
        count += strstr(line, text) != NULL;
    log_at = ftell(file);
    fclose(file);
    return count;
}

/* How something was provoked, for the list. */
static const char *by_fake(const char *rule)
{
    static char how[256];
    snprintf(how, sizeof how, "fake, %s", rule);
    return how;
}

static void edge_to_fake_by(const char *more)
{
    char name[512], port[32] = "", shard[1024];
    file_name(name, "port");
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    assert_non_null(fgets(port, sizeof port, file));
    fclose(file);
    snprintf(
        shard, sizeof shard,
        "\"host\":\"localhost\",\"port\":%d,\"user\":\"u\",\"password\":\"brook\",\"database\":\"errors\","
        "\"connect_timeout_s\":1,\"read_timeout_s\":1%s",
        atoi(port), more);
    edge_make(shard);
}

static void edge_to_fake(void)
{
    edge_to_fake_by("");
}

static int set_up(void **state)
{
    (void)state;
    fixture_begin();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_end();
    return 0;
}

/* ---- the design's table ---- */

static const struct {
    mr_db_class db_class;
    unsigned codes[48];
} table[] = {
    {MR_DB_TRANSIENT, {1213, 1020, 1614, 3101, 1180, 1047, 1205, 1317, 1969, 3024}},
    {MR_DB_CONNECTION, {1040, 1203, 1226, 1129, 1053}},
    {MR_DB_AMBIGUOUS, {1077, 1078, 1079, 1927, 3032, 3169, 4031, 1158, 1159, 1160, 1161}},
    {MR_DB_READ_ONLY, {1792, 1836}},
    {MR_DB_RESOURCE, {1021, 1114, 1030, 1037, 1041, 1206}},
    {MR_DB_SHARD_FATAL,
     {1044, 1045, 1049, 1054, 1064, 1130, 1136, 1142, 1143, 1146, 1364, 1698, 1820, 1862, 3118, 4151}},
    {MR_DB_TOO_BIG, {1153, 1390}},
    {MR_DB_STATEMENT, {1243, 1412, 1615}},
    {MR_DB_ROW_POISON,
     {1048, 1062, 1264, 1265, 1292, 1300, 1366, 1406, 1452, 1526, 1644, 1690, 3140, 3141, 3150, 3156, 3157,
      3819, 4025}},
    {MR_DB_UNKNOWN, {9999, 1, 65534}},
};

/* The failing statement is the second of its transaction. */
static void provoke(unsigned code, mr_db_class db_class)
{
    char how[64];
    if (!mr_sql_connected(f.sql)) {
        fake("");
        connect_well();
    }
    fake("");
    write_well(1, "{}");
    fake_error("execute", code, "HY000", "some 'row data'");
    mr_sql_result result = write_event(2, "{}");
    snprintf(how, sizeof how, "fake, a statement, %s", bulk ? "array binding" : "multi-row");
    expect(result, db_class, code, how);
    assert_string_equal(result.sqlstate, "HY000");
    assert_string_equal(result.text, "");
    fake("");
    fake_saw("");
    clear_up(db_class);
    if (mr_db_class_keeps_connection(db_class)) {
        if (fake_saw(" rollback ok ROLLBACK") != 1)
            fail_msg("%u: no ROLLBACK, or more than one", code);
        write_well(1, "{}");
        commit_well();
    } else {
        connect_well();
        if (fake_saw(" kill ok KILL ") != 1)
            fail_msg("%u: the connection that was left in the middle is not killed", code);
    }
    write_well(2, "{}");
    fake_error("commit", code, "40001", "whatever");
    result = mr_sql_commit(f.sql);
    expect(result, MR_DB_AMBIGUOUS, code, "fake, a COMMIT");
    assert_string_equal(result.sqlstate, "40001");
    assert_string_equal(result.text, "");
    clear_up(result.db_class);
    assert_false(mr_sql_connected(f.sql));
}

static void each_code(void)
{
    edge_to_fake();
    for (size_t row = 0; row < sizeof table / sizeof table[0]; row++)
        for (const unsigned *code = table[row].codes; *code; code++)
            provoke(*code, table[row].db_class);
}

static void test_array_binding(void **state)
{
    (void)state;
    bulk = true;
    each_code();
}

static void test_multi_row(void **state)
{
    (void)state;
    bulk = false;
    each_code();
}

/* ---- what is more than a number ---- */

static void test_read_only_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        mr_db_class db_class;
    } texts[] = {
        {"The MariaDB server is running with the --read-only option", MR_DB_READ_ONLY},
        {"The MySQL server is running with the --super-read-only option", MR_DB_READ_ONLY},
        {"The server is running with the read_only option", MR_DB_READ_ONLY},
        {"The MySQL server is running with the --secure-file-priv option", MR_DB_SHARD_FATAL},
        {"The MySQL server is running with the --skip-grant-tables option", MR_DB_SHARD_FATAL},
    };
    bulk = true;
    edge_to_fake();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        fake("");
        connect_well();
        fake_error("execute", 1290, "HY000", texts[i].text);
        mr_sql_result result = write_event(1, "{}");
        expect(result, texts[i].db_class, 1290, by_fake(texts[i].text));
        clear_up(result.db_class);
        assert_false(mr_sql_connected(f.sql));
    }
}

static void test_connecting(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        mr_db_class db_class;
        unsigned code;
    } refusals[] = {
        {"greeting error 1129 HY000 Host is blocked", MR_DB_CONNECTION, 1129},
        {"greeting error 1040 08004 Too many connections", MR_DB_CONNECTION, 1040},
        {"greeting error 1130 HY000 Host is not allowed", MR_DB_SHARD_FATAL, 1130},
        {"greeting error 2003 HY000 a number of the library's", MR_DB_CONNECTION, 2027},
        {"greeting close", MR_DB_CONNECTION, 2013},
        {"greeting silent", MR_DB_CONNECTION, 2013},
        {"login error 1053 08S01 Server shutdown in progress", MR_DB_CONNECTION, 1053},
        {"login error 1203 42000 max_user_connections", MR_DB_CONNECTION, 1203},
        {"login error 3118 HY000 Account is locked", MR_DB_SHARD_FATAL, 3118},
        {"login error 4151 HY000 Account is locked", MR_DB_SHARD_FATAL, 4151},
        {"login error 3032 HY000 offline mode", MR_DB_CONNECTION, 3032},
        {"login error 1159 08S01 Got timeout reading communication packets", MR_DB_CONNECTION, 1159},
        {"login error 9999 HY000 never heard of", MR_DB_SHARD_FATAL, 9999},
        {"login plugin no_such_plugin", MR_DB_SHARD_FATAL, 1045},
        {"login plugin mysql_native_password short", MR_DB_CONNECTION, 2012},
        {"login garbage", MR_DB_CONNECTION, 2013},
        {"login close", MR_DB_CONNECTION, 2013},
        {"login silent", MR_DB_CONNECTION, 2013},
        {"set error 1820 HY000 reset your password", MR_DB_SHARD_FATAL, 1820},
        {"set error 1927 70100 Connection was killed", MR_DB_CONNECTION, 1927},
        {"set close", MR_DB_CONNECTION, 2013},
        {"select silent", MR_DB_CONNECTION, 2013},
        {"prepare error 1064 42000 You have an error in your SQL syntax", MR_DB_SHARD_FATAL, 1064},
        {"prepare error 1461 42000 Can't create more than max_prepared_stmt_count", MR_DB_SHARD_FATAL, 1461},
        {"prepare close", MR_DB_CONNECTION, 2013},
        {"rollback close", MR_DB_CONNECTION, 2013},
    };
    edge_to_fake();
    for (int dialect = 0; dialect < 2; dialect++)
        for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
            bulk = dialect == 0;
            fake(refusals[i].rule);
            expect(mr_sql_connect(f.sql), refusals[i].db_class, refusals[i].code, by_fake(refusals[i].rule));
            assert_false(mr_sql_connected(f.sql));
        }
    fake("");
    connect_well();
}

/* No answer, no sense, no connection: at a statement and at the COMMIT. */
static void test_lost(void **state)
{
    (void)state;
    static const struct {
        const char *action;
        unsigned codes[4];
    } losses[] = {{"close", {2013, 2006}}, {"silent", {2013}}, {"garbage", {2027, 2013}}};
    for (int dialect = 0; dialect < 2; dialect++) {
        bulk = dialect == 0;
        edge_to_fake();
        for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
            char rule[64];
            fake("");
            connect_well();
            snprintf(rule, sizeof rule, "execute %s", losses[i].action);
            fake(rule);
            mr_sql_result result = write_event(1, "{}");
            expect_one(result, MR_DB_AMBIGUOUS, losses[i].codes, by_fake(rule));
            clear_up(result.db_class);
            fake("");
            connect_well();
            write_well(1, "{}");
            snprintf(rule, sizeof rule, "commit %s", losses[i].action);
            fake(rule);
            result = mr_sql_commit(f.sql);
            expect_one(result, MR_DB_AMBIGUOUS, losses[i].codes, by_fake(rule));
            clear_up(result.db_class);
            fake("");
            fake_saw("");
            connect_well();
            assert_int_equal(fake_saw(" kill ok KILL "), 1);
        }
    }
}

/* 2026: later than at connect it is a connection that broke. */
static void test_tls_breaks(void **state)
{
    (void)state;
    char more[512];
    snprintf(more, sizeof more, ",\"tls\":{\"mode\":\"verify_identity\",\"ca_file\":\"%s/pem/ca.pem\"}",
             env("MILLRACE_TEST_DIR"));
    for (int dialect = 0; dialect < 2; dialect++) {
        bulk = dialect == 0;
        edge_to_fake_by(more);
        fake("");
        connect_well();
        fake("execute plain");
        mr_sql_result result = write_event(1, "{}");
        expect(result, MR_DB_AMBIGUOUS, 2026, "fake, no TLS in the answer to a statement");
        clear_up(result.db_class);
        fake("");
        connect_well();
        write_well(1, "{}");
        fake("commit plain");
        result = mr_sql_commit(f.sql);
        expect(result, MR_DB_AMBIGUOUS, 2026, "fake, no TLS in the answer to a COMMIT");
        clear_up(result.db_class);
        assert_false(mr_sql_connected(f.sql));
    }
}

/* The library's answer, which a test can take away. */
static bool no_cipher;

const char *STDCALL mysql_get_ssl_cipher(MYSQL *client)
{
    (void)client;
    return no_cipher ? NULL : "a cipher";
}

static void assert_found(const mr_findings *findings, const char *what, const char *remedy)
{
    for (size_t i = 0; i < findings->count; i++)
        if (!strcmp(findings->at[i].what, what) && !strcmp(findings->at[i].remedy, remedy))
            return;
    fail_msg("%zu findings, none of them: %s", findings->count, what);
}

/* What only the worker itself finds wrong: it says what to do. */
static void test_own_objections(void **state)
{
    (void)state;
    char more[512];
    mr_findings findings = {0};
    bulk = true;
    edge_to_fake();
    fake("");
    connect_well();
    fake("execute warning");
    mr_sql_result result = write_event(1, "{}");
    assert_int_equal(result.db_class, MR_DB_SHARD_FATAL);
    assert_string_equal(result.text,
                        "the server changed values while storing them (1 warnings): run `millrace check` and "
                        "mend the table");
    fake(""); /* it swallows what the session is told */
    mr_sql_check(f.config, 0, &findings);
    assert_found(&findings, "the session's sql_mode is not strict although it was set: values would be cut",
                 "connect without what stands between");
    mr_findings_free(&findings);
    bulk = false;
    edge_to_fake_by(",\"dialect\":\"mariadb\"");
    fake("");
    result = mr_sql_connect(f.sql);
    assert_int_equal(result.db_class, MR_DB_SHARD_FATAL);
    assert_string_equal(
        result.text,
        "dialect \"mariadb\" is asked for, but the server offers no bulk execution: use \"auto\"");
    snprintf(more, sizeof more, ",\"tls\":{\"mode\":\"verify_identity\",\"ca_file\":\"%s/pem/ca.pem\"}",
             env("MILLRACE_TEST_DIR"));
    edge_to_fake_by(more);
    no_cipher = true;
    result = mr_sql_connect(f.sql);
    no_cipher = false;
    assert_int_equal(result.db_class, MR_DB_SHARD_FATAL);
    assert_string_equal(result.text,
                        "the connection is not encrypted although tls.mode asks for it: see that the server "
                        "offers TLS");
}

/* A server (or a proxy before it) that has lost the statement: prepared again by the ROLLBACK, on the same connection. */
static void test_prepared_again(void **state)
{
    (void)state;
    static const unsigned codes[] = {1243, 1412, 1615};
    for (int dialect = 0; dialect < 2; dialect++) {
        bulk = dialect == 0;
        edge_to_fake();
        fake("");
        connect_well();
        for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
            fake_error("execute", codes[i], "HY000", "prepare again");
            assert_int_equal(write_event(1, "{}").db_class, MR_DB_STATEMENT);
            fake("");
            fake_saw("");
            clear_up(MR_DB_STATEMENT);
            write_well(1, "{}");
            commit_well();
            if (fake_saw(" prepare ok") != 1)
                fail_msg("%u: it is not prepared again", codes[i]);
            assert_int_equal(mr_sql_rollback(f.sql).db_class, MR_DB_OK);
            assert_int_equal(fake_saw(" prepare ok"), 0); /* once is enough */
        }
        fake_error("execute", 1243, "HY000", "prepare again");
        assert_int_equal(write_event(1, "{}").db_class, MR_DB_STATEMENT);
        fake_error("prepare", 1146, "42S02", "no such table");
        expect(mr_sql_rollback(f.sql), MR_DB_SHARD_FATAL, 1146,
               "fake, preparing again"); /* the writer closes then */
        mr_sql_close(f.sql);
    }
}

/* A ROLLBACK that fails says so; a KILL that fails is none of anybody's business. */
static void test_rollback_and_kill(void **state)
{
    (void)state;
    bulk = true;
    edge_to_fake();
    fake("");
    connect_well();
    write_well(1, "{}");
    fake_error("rollback", 1180, "HY000", "no");
    assert_int_equal(mr_sql_rollback(f.sql).db_class, MR_DB_TRANSIENT);
    fake("rollback close");
    assert_int_equal(mr_sql_rollback(f.sql).db_class, MR_DB_AMBIGUOUS);
    mr_sql_close(f.sql);
    fake_error("kill", 1094, "HY000", "Unknown thread id");
    connect_well();
    assert_int_equal(fake_saw(" kill error KILL "), 1);
    mr_sql_close(f.sql); /* in order: nothing to kill next time */
    fake("");
    fake_saw("");
    connect_well();
    assert_int_equal(fake_saw(" kill "), 0);
}

/* Every number that the table knows came out of the edge, with its class, in one of the programs.  Except six of the library's own, which Connector/C
 * 3.3 was not brought to give (and a server's packet with such a number is 2027): 2003 and 2055 are in texts only, a plugin that is missing is 1045
 * with a text that says so, an answer that is too large is 2013; 2008 is the library's memory that has ended. */
static void test_all_seen(void **state)
{
    (void)state;
    static bool had[65536][MR_DB_CLASS_COUNT];
    unsigned code, known = 0;
    char name[32], line[512];
    fflush(f.seen);
    FILE *file = fopen(env("MILLRACE_TEST_SEEN"), "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "%u %31s", &code, name) == 2 && code < 65536)
            for (int i = 0; i < MR_DB_CLASS_COUNT; i++)
                had[code][i] = had[code][i] || !strcmp(name, mr_db_class_name((mr_db_class)i));
    fclose(file);
    had[2003][MR_DB_CONNECTION] = had[2055][MR_DB_AMBIGUOUS] = had[2020][MR_DB_TOO_BIG] = true;
    had[2059][MR_DB_SHARD_FATAL] = had[2061][MR_DB_SHARD_FATAL] = had[2008][MR_DB_RESOURCE] = true;
    for (code = 1; code < 65536; code++) {
        mr_db_class db_class = mr_db_classify(code, MR_DB_AT_STATEMENT, "--read-only");
        if (db_class != MR_DB_UNKNOWN && !had[code][db_class])
            fail_msg("%u was never seen as %s", code, mr_db_class_name(db_class));
        known += db_class != MR_DB_UNKNOWN;
    }
    assert_true(had[2026][MR_DB_SHARD_FATAL] && had[2013][MR_DB_CONNECTION] && had[9999][MR_DB_UNKNOWN]);
    printf("%u of the table's %u numbers were seen, the others are the library's own\n", known - 6, known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_array_binding),
        cmocka_unit_test(test_multi_row),
        cmocka_unit_test(test_read_only_text),
        cmocka_unit_test(test_connecting),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_tls_breaks),
        cmocka_unit_test(test_own_objections),
        cmocka_unit_test(test_prepared_again),
        cmocka_unit_test(test_rollback_and_kill),
        cmocka_unit_test(test_all_seen),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
