/* Errors of the connection, from real MariaDB servers through the SQL edge: logins that are refused, TLS, servers that are down, frozen, killed,
 * shut down.  Run by tests/integration/21-error-classes. */
#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sql_errors_real.h"

static MYSQL *second; /* root on m1, while it lives */

/* The edge's user and table on m1, too. */
static void prepare_second(void)
{
    char ddl[4096];
    mr_buf out = mr_buf_over(ddl, sizeof ddl);
    second = client_of(1);
    query_on(second, "CREATE DATABASE IF NOT EXISTS errors; USE errors; DROP TABLE IF EXISTS errors;"
                     "CREATE USER IF NOT EXISTS millrace@'%' IDENTIFIED BY 'brook';"
                     "GRANT SELECT, INSERT, UPDATE ON errors.* TO millrace@'%'");
    mr_schema_ddl(&f.base->streams[0], &out);
    query_on(second, ddl);
}

static const char *second_shard(const char *more)
{
    static char text[2048];
    snprintf(text, sizeof text,
             "\"host\":\"localhost\",\"port\":%s,\"user\":\"millrace\",\"password\":\"brook\",\"database\":"
             "\"errors\","
             "\"connect_timeout_s\":1,\"read_timeout_s\":1%s",
             env("MILLRACE_TEST_PORT_TLS"), more);
    return text;
}

static unsigned rows_of_second(void)
{
    return (unsigned)atoi(query_on(second, "SELECT COUNT(*) FROM errors.errors"));
}

/* mysql_close on a dead server's client is fine. */
static void start_second(void)
{
    char command[1024];
    mysql_close(second);
    snprintf(command, sizeof command, "%s", env("MILLRACE_TEST_START"));
    int status = system(command);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    second = client_of(1);
}

static void wait_gone(pid_t pid)
{
    for (int i = 0; i < 400 && kill(pid, 0) == 0; i++)
        nap_ms(25);
    assert_int_not_equal(kill(pid, 0), 0);
}

static void end_second(int signal)
{
    pid_t pid = pid_of(1);
    kill(pid, signal);
    wait_gone(pid);
}

static bool is_stopped(pid_t pid, const char *task)
{
    char path[512], line[512] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)pid, task);
    FILE *file = fopen(path, "r");
    if (!file)
        return true; /* it has ended */
    bool read = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    const char *name_end = strrchr(line, ')');
    return read && name_end && name_end[2] == 'T';
}

/* Returns when every thread stands still: the signal alone is only on its way. */
static void freeze_second(void)
{
    char path[64];
    bool running = true;
    pid_t pid = pid_of(1);
    kill(pid, SIGSTOP);
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    for (int i = 0; i < 400 && running; i++, nap_ms(running ? 10 : 0)) {
        DIR *tasks = opendir(path);
        assert_non_null(tasks);
        running = false;
        for (const struct dirent *task; (task = readdir(tasks)) != NULL;)
            running = running || (task->d_name[0] != '.' && !is_stopped(pid, task->d_name));
        closedir(tasks);
    }
    assert_false(running);
}

static int set_up(void **state)
{
    (void)state;
    fixture_begin();
    f.other = client_of(0);
    query("USE errors");
    make_table();
    prepare_second();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    edge_drop();
    mysql_close(second);
    mysql_close(f.other);
    fixture_end();
    return 0;
}

/* ---- connecting is refused ---- */

typedef struct login {
    unsigned code;
    mr_db_class db_class;
    const char *how;
    const char *before, *after; /* done on the server; may be NULL */
    const char *user, *more;
} login;

static const login logins[] = {
    {1044, MR_DB_SHARD_FATAL, "a user without the database", NULL, NULL, "stranger", ""},
    {1045, MR_DB_SHARD_FATAL, "wrong password", "SET PASSWORD FOR broad@'%' = PASSWORD('river')",
     "SET PASSWORD FOR broad@'%' = PASSWORD('brook')", "broad", ""},
    {1049, MR_DB_SHARD_FATAL, "no such database", NULL, NULL, "broad", ",\"database\":\"nowhere\""},
    {1698, MR_DB_SHARD_FATAL, "a user of unix_socket", NULL, NULL, "nobody", ""},
    {4151, MR_DB_SHARD_FATAL, "ACCOUNT LOCK", "ALTER USER broad@'%' ACCOUNT LOCK",
     "ALTER USER broad@'%' ACCOUNT UNLOCK", "broad", ""},
    {1820, MR_DB_SHARD_FATAL, "password expired", "ALTER USER broad@'%' PASSWORD EXPIRE", NULL, "broad", ""},
    {1862, MR_DB_SHARD_FATAL, "password expired, disconnect_on_expired_password",
     "SET GLOBAL disconnect_on_expired_password = ON; ALTER USER broad@'%' PASSWORD EXPIRE",
     "SET GLOBAL disconnect_on_expired_password = OFF; SET PASSWORD FOR broad@'%' = PASSWORD('brook')",
     "broad", ""},
    {2026, MR_DB_SHARD_FATAL, "TLS asked of a server without", NULL, NULL, "broad",
     ",\"tls\":{\"mode\":\"verify_identity\"}"},
};

static void test_logins(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof logins / sizeof logins[0]; i++) {
        const login *one = &logins[i];
        edge_make(shard_of(one->user, one->more));
        if (one->before)
            query(one->before);
        mr_sql_result result = mr_sql_connect(f.sql);
        if (one->after)
            query(one->after);
        expect(result, one->db_class, one->code, one->how);
        assert_int_not_equal(result.text[0], 0); /* of connecting the text is fit for the log */
        assert_null(strstr(result.text, "brook"));
        assert_false(mr_sql_connected(f.sql));
    }
    edge_make(shard_of("broad", "")); /* all is mended */
    connect_well();
    edge_drop();
}

/* No user may come from everywhere: the server then refuses the host before it asks for a name. */
static void test_unknown_host(void **state)
{
    (void)state;
    edge_make(shard_of("millrace", ""));
    query("CREATE TABLE mysql.kept SELECT * FROM mysql.global_priv WHERE Host = '%';"
          "DELETE FROM mysql.global_priv WHERE Host = '%'; FLUSH PRIVILEGES");
    mr_sql_result result = mr_sql_connect(f.sql);
    query("INSERT INTO mysql.global_priv SELECT * FROM mysql.kept; DROP TABLE mysql.kept; FLUSH PRIVILEGES");
    expect(result, MR_DB_SHARD_FATAL, 1130, "no user of this host");
}

static void test_too_many(void **state)
{
    (void)state;
    MYSQL *clients[20];
    query("ALTER USER stranger@'%' WITH MAX_USER_CONNECTIONS 1; SET GLOBAL max_connections = 10");
    size_t count = 0;
    for (; count < 20; count++) {
        clients[count] = mysql_init(NULL);
        if (!mysql_real_connect(clients[count], "127.0.0.1", "broad", "brook", NULL,
                                (unsigned)atoi(env("MILLRACE_TEST_PORT")), NULL, 0))
            break;
    }
    assert_true(count > 1 && count < 12);
    edge_make(shard_of("millrace", ""));
    expect(mr_sql_connect(f.sql), MR_DB_CONNECTION, 1040, "max_connections");
    query("SET GLOBAL max_connections = 100; SET GLOBAL max_user_connections = 1");
    edge_make(shard_of("broad", ""));
    mr_sql_result result = mr_sql_connect(f.sql);
    query("SET GLOBAL max_user_connections = 1000");
    expect(result, MR_DB_CONNECTION, 1203, "max_user_connections");
    for (size_t i = 0; i <= count && i < 20; i++)
        mysql_close(clients[i]);
    MYSQL *one = mysql_init(NULL);
    assert_non_null(mysql_real_connect(one, "127.0.0.1", "stranger", "brook", NULL,
                                       (unsigned)atoi(env("MILLRACE_TEST_PORT")), NULL, 0));
    edge_make(shard_of("stranger", ""));
    expect(mr_sql_connect(f.sql), MR_DB_CONNECTION, 1226, "MAX_USER_CONNECTIONS");
    mysql_close(one);
}

static void test_nobody_there(void **state)
{
    (void)state;
    static const char rest[] = "\"user\":\"u\",\"database\":\"d\"";
    char text[1024];
    /* The library numbers a refused TCP connection 2002, too; 2003 is in its texts only. */
    snprintf(text, sizeof text, "\"host\":\"127.0.0.1\",\"port\":1,%s", rest);
    edge_make(text);
    expect(mr_sql_connect(f.sql), MR_DB_CONNECTION, 2002, "nothing listens");
    snprintf(text, sizeof text, "\"socket\":\"%s/none.sock\",%s", env("MILLRACE_TEST_DIR"), rest);
    edge_make(text);
    expect(mr_sql_connect(f.sql), MR_DB_CONNECTION, 2002, "no such socket");
    snprintf(text, sizeof text, "\"host\":\"no..name\",%s", rest);
    edge_make(text);
    expect(mr_sql_connect(f.sql), MR_DB_CONNECTION, 2005, "unknown host");
}

static void test_tls(void **state)
{
    (void)state;
    char more[1024];
    snprintf(more, sizeof more, ",\"tls\":{\"mode\":\"verify_identity\",\"ca_file\":\"%s/pem/other.pem\"}",
             env("MILLRACE_TEST_DIR"));
    edge_make(second_shard(more));
    expect(mr_sql_connect(f.sql), MR_DB_SHARD_FATAL, 2026, "a certificate of another authority");
    snprintf(more, sizeof more, ",\"tls\":{\"mode\":\"verify_identity\",\"ca_file\":\"%s/pem/ca.pem\"}",
             env("MILLRACE_TEST_DIR"));
    edge_make(second_shard(more));
    connect_well();
}

/* ---- a server that stops ---- */

static void test_frozen(void **state)
{
    (void)state;
    edge_make(second_shard(""));
    connect_well();
    write_well(1, "{}");
    commit_well();
    freeze_second();
    mr_sql_result result = write_event(2, "{}");
    expect(result, MR_DB_AMBIGUOUS, 2013, "SIGSTOP, read timeout of a statement");
    clear_up(result.db_class);
    expect_one(mr_sql_connect(f.sql), MR_DB_CONNECTION, (const unsigned[]){2002, 2013, 0},
               "SIGSTOP, connect timeout");
    kill(pid_of(1), SIGCONT);
    connect_well(); /* and kills what is left of the first one */
    for (int i = 0; i < 200 && rows_of_second() != 1; i++)
        nap_ms(25);
    assert_int_equal(rows_of_second(), 1);

    /* A commit that was not answered and yet was done: why it is ambiguous. */
    write_well(2, "{}");
    freeze_second();
    result = mr_sql_commit(f.sql);
    expect(result, MR_DB_AMBIGUOUS, 2013, "SIGSTOP, read timeout of a COMMIT");
    clear_up(result.db_class);
    kill(pid_of(1), SIGCONT);
    for (int i = 0; i < 200 && rows_of_second() != 2; i++)
        nap_ms(25);
    assert_int_equal(rows_of_second(), 2);
    connect_well();
    put(0, 2, "{}");
    result = write_rows(1); /* the replay changes nothing */
    assert_int_equal(result.db_class, MR_DB_OK);
    assert_int_equal(result.rows_existing, 1);
    commit_well();
    assert_int_equal(rows_of_second(), 2);
}

static void test_killed(void **state)
{
    (void)state;
    static const unsigned lost[] = {2006, 2013, 0};
    edge_make(second_shard(""));
    f.config->shards[0].read_timeout_s = 10; /* longer than it takes to see the statement wait */
    connect_well();
    query_on(second, "DELETE FROM errors.errors");
    pid_t pid = pid_of(1);
    mr_sql_result result = write_behind_lock(second, &(later){.server = 1, .signal = SIGKILL});
    wait_gone(pid);
    expect_one(result, MR_DB_AMBIGUOUS, lost, "SIGKILL in mid-statement");
    clear_up(result.db_class);
    expect(mr_sql_connect(f.sql), MR_DB_CONNECTION, 2002, "the server is down");
    start_second();
    assert_int_equal(rows_of_second(), 1);
    connect_well();
    write_well(1, "{}");
    end_second(SIGKILL);
    expect_one(write_event(2, "{}"), MR_DB_AMBIGUOUS, lost, "SIGKILL between two statements");
    mr_sql_close(f.sql);
    start_second();
    assert_int_equal(rows_of_second(), 1);
}

/* The id of the connection that broke is remembered, to be killed; after a restart the new one may have that very id. */
static void test_same_id_after_restart(void **state)
{
    (void)state;
    edge_make(second_shard(""));
    connect_well();
    end_second(SIGKILL);
    expect_one(mr_sql_rollback(f.sql), MR_DB_AMBIGUOUS, (const unsigned[]){2006, 2013, 0},
               "ROLLBACK of a dead server");
    mr_sql_close(f.sql);
    start_second();
    for (int i = 0; i < 12; i++) { /* the ids come from both sides of it */
        mr_sql_result result = mr_sql_connect(f.sql);
        if (result.db_class != MR_DB_OK)
            fail_msg("connection %d: %u %s", i, result.code, result.text);
        mr_sql_close(f.sql);
    }
}

static void test_shut_down(void **state)
{
    (void)state;
    edge_make(second_shard(""));
    f.config->shards[0].read_timeout_s = 10;
    connect_well();
    query_on(second, "DELETE FROM errors.errors");
    mr_sql_result result = write_behind_lock(second, &(later){.server = 1, .signal = SIGTERM});
    if (result.db_class != MR_DB_AMBIGUOUS)
        expect(result, MR_DB_CONNECTION, 1053, "shutdown in mid-statement");
    else
        expect_one(result, MR_DB_AMBIGUOUS, (const unsigned[]){1927, 2006, 2013, 0},
                   "shutdown in mid-statement");
    clear_up(result.db_class);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logins),    cmocka_unit_test(test_unknown_host),
        cmocka_unit_test(test_too_many),  cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_tls),       cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_killed),    cmocka_unit_test(test_same_id_after_restart),
        cmocka_unit_test(test_shut_down),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
