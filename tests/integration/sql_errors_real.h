/* sql_errors_real.h: what sql_errors.c and sql_errors_connect.c share: real servers, clients of the test's own, and what happens to a statement
 * while it waits for a lock.
 *
 * MILLRACE_TEST_DIR has m0 (the server of most tests, without TLS) and m1 (with TLS; it is frozen and killed), each with s.sock, port and pid;
 * pem/ca.pem signed m1's certificate, pem/other.pem did not.
 */
#ifndef MR_TESTS_SQL_ERRORS_REAL_H
#define MR_TESTS_SQL_ERRORS_REAL_H

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "sql_errors.h"

static inline const char *shard_of(const char *user, const char *more)
{
    static char text[2048];
    snprintf(
        text, sizeof text,
        "\"host\":\"127.0.0.1\",\"port\":%s,\"user\":\"%s\",\"password\":\"brook\",\"read_timeout_s\":20%s%s",
        env("MILLRACE_TEST_PORT"), user, strstr(more, "\"database\"") ? "" : ",\"database\":\"errors\"",
        more);
    return text;
}

/* ---- the test's own clients ---- */

static inline MYSQL *client_of(int server)
{
    char path[512];
    MYSQL *client = mysql_init(NULL);
    unsigned socket = MYSQL_PROTOCOL_SOCKET;
    mysql_optionsv(client, MYSQL_OPT_PROTOCOL, &socket);
    snprintf(path, sizeof path, "%s/m%d/s.sock", env("MILLRACE_TEST_DIR"), server);
    mysql_optionsv(client, MYSQL_INIT_COMMAND,
                   "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"); /* no gaps locked */
    if (!mysql_real_connect(client, "localhost", "root", "", NULL, 0, path, CLIENT_MULTI_STATEMENTS))
        fail_msg("%s: %s", path, mysql_error(client));
    return client;
}

/* Statements with ";" between them; gives the first row's first value, as text. */
static inline const char *query_on(MYSQL *client, const char *text)
{
    static char value[64];
    int more = mysql_query(client, text);
    value[0] = 0;
    for (; more == 0; more = mysql_next_result(client)) {
        MYSQL_RES *rows = mysql_store_result(client);
        MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;
        if (row && row[0])
            snprintf(value, sizeof value, "%s", row[0]);
        mysql_free_result(rows);
    }
    if (more > 0)
        fail_msg("%s: %s", text, mysql_error(client));
    return value;
}

static inline const char *query(const char *text)
{
    return query_on(f.other, text);
}

static inline void make_table(void)
{
    char ddl[4096];
    mr_buf out = mr_buf_over(ddl, sizeof ddl);
    query("DROP TABLE IF EXISTS errors, parent, side");
    mr_schema_ddl(&f.base->streams[0], &out);
    query(ddl);
}

/* Rows that a commit has made durable, and rows of open transactions as well. */
static inline unsigned durable(void)
{
    return (unsigned)atoi(query("SELECT COUNT(*) FROM errors"));
}

static inline unsigned present(void)
{
    return (unsigned)atoi(
        query("SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED; SELECT COUNT(*) FROM errors"));
}

static inline void nap_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* The server needs a moment to see that a client has gone. */
static inline void expect_present(unsigned rows, const char *how)
{
    for (int i = 0; i < 200 && present() != rows; i++)
        nap_ms(25);
    if (present() != rows || durable() > rows)
        fail_msg("%s: %u rows, %u of them durable, and should be %u", how, present(), durable(), rows);
}

/* ---- what befalls a statement that waits ---- */

/* Something that is done once the edge's statement is seen waiting: a statement, a signal to the server, or both. */
typedef struct later {
    int server;
    const char *text; /* the id of the edge's connection is put behind it */
    int signal;
    pthread_t thread;
} later;

static inline pid_t pid_of(int server)
{
    char path[512], text[32] = "";
    snprintf(path, sizeof path, "%s/m%d/pid", env("MILLRACE_TEST_DIR"), server);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    return (pid_t)atoi(text);
}

static inline char *first_value(MYSQL *client, const char *text, char value[64])
{
    MYSQL_RES *rows = mysql_query(client, text) ? NULL : mysql_store_result(client);
    MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;
    snprintf(value, 64, "%s", row && row[0] ? row[0] : "");
    mysql_free_result(rows);
    return value;
}

static inline void *do_later(void *argument)
{
    later *what = argument;
    MYSQL *client = client_of(what->server);
    char id[64] = "", text[256];
    for (int i = 0; i < 400 && !id[0]; i++, nap_ms(25))
        first_value(
            client,
            "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'millrace' AND COMMAND <> 'Sleep' "
            "AND TIME_MS > 200",
            id);
    if (what->text) {
        snprintf(text, sizeof text, "%s %s", what->text, id);
        mysql_query(client, text);
    }
    if (what->signal)
        kill(pid_of(what->server), what->signal);
    mysql_close(client);
    mysql_thread_end();
    return NULL;
}

/* The edge has stored row 1 in its transaction and then waits for the lock of row 0, which `holder` has; then `what` happens. */
static inline mr_sql_result write_behind_lock(MYSQL *holder, later *what)
{
    write_well(0, "{}");
    commit_well();
    query_on(holder, "BEGIN; SELECT * FROM errors.errors FOR UPDATE");
    write_well(1, "{}");
    if (what && pthread_create(&what->thread, NULL, do_later, what))
        fail_msg("no thread");
    mr_sql_result result = write_event(0, "{}");
    if (what)
        pthread_join(what->thread, NULL);
    return result;
}

#endif
