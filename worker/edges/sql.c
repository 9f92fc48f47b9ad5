/* The connection and its session. */
#include "edges/sql.h"

#include <errmsg.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/must.h"
#include "sql_private.h"

#define PASSWORD_MAX 4096

const char *mr_sql_library_version(void)
{
    return mysql_get_client_info();
}

/* ---- results ---- */

mr_sql_result mr_sql_trouble(mr_db_class db_class, const char *format, ...)
{
    mr_sql_result result = {.db_class = db_class};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(result.text, sizeof result.text, format, arguments);
    va_end(arguments);
    return result;
}

mr_sql_result mr_sql_memory_ended(size_t bytes)
{
    return mr_sql_trouble(MR_DB_RESOURCE, "out of memory, %zu bytes more were wanted: raise the memory limit",
                          bytes);
}

mr_sql_result mr_sql_result_of(MYSQL *client, MYSQL_STMT *statement, mr_db_phase phase)
{
    mr_sql_result result = {.db_class = MR_DB_OK};
    unsigned code = statement ? mysql_stmt_errno(statement) : mysql_errno(client);
    const char *text = statement ? mysql_stmt_error(statement) : mysql_error(client);
    const char *state = statement ? mysql_stmt_sqlstate(statement) : mysql_sqlstate(client);
    result.code = code ? code : CR_UNKNOWN_ERROR;
    result.db_class = mr_db_classify(result.code, phase, text);
    snprintf(result.sqlstate, sizeof result.sqlstate, "%s", state);
    if (phase == MR_DB_AT_CONNECT) /* later texts can hold row data */
        snprintf(result.text, sizeof result.text, "%s", text);
    return result;
}

mr_sql_result mr_sql_run(mr_sql *sql, const char *text, mr_db_phase phase)
{
    if (mysql_real_query(sql->client, text, strlen(text)))
        return mr_sql_result_of(sql->client, NULL, phase);
    return (mr_sql_result){.db_class = MR_DB_OK};
}

/* ---- making one ---- */

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void start_library(void)
{
    must(!mysql_library_init(0, NULL, NULL));
}

static uint32_t largest_statement(const mr_layout *layout)
{
    uint32_t rows = MR_SQL_ROWS_MAX;
    while (rows > 1 && rows * layout->fields > MR_PLACEHOLDERS_MAX)
        rows /= 2;
    return rows;
}

mr_sql *mr_sql_new(const mr_config *config, uint32_t shard, const mr_layout *layouts, mr_arena *arena)
{
    pthread_once(&library_once, start_library);
    mr_sql *sql = mr_arena_take(arena, "statements", 1, sizeof *sql);
    sql->config = config;
    sql->shard = &config->shards[shard];
    sql->layouts = layouts;
    sql->streams = mr_arena_take(arena, "statements", config->stream_count, sizeof *sql->streams);
    for (size_t i = 0; i < config->stream_count; i++) {
        uint32_t rows = largest_statement(&layouts[i]);
        uint32_t binds = rows * layouts[i].fields;
        sql->binds_max = binds > sql->binds_max ? binds : sql->binds_max;
        sql->streams[i] = (mr_sql_stream){.stream = &config->streams[i], .layout = &layouts[i]};
        while ((uint32_t)MR_SQL_ROWS_MAX >> sql->streams[i].multi_first > rows)
            sql->streams[i].multi_first++;
    }
    sql->binds = mr_arena_take(arena, "statements", sql->binds_max, sizeof *sql->binds);
    sql->text = mr_arena_take(arena, "statements", MR_SQL_TEXT_MAX, 1);
    return sql;
}

void mr_sql_drop_statements(mr_sql *sql)
{
    for (size_t i = 0; i < sql->config->stream_count; i++) {
        mr_sql_stream *stream = &sql->streams[i];
        if (stream->bulk)
            mysql_stmt_close(stream->bulk);
        stream->bulk = NULL;
        for (size_t s = 0; s < MR_SQL_SIZES; s++) {
            if (stream->multi[s].statement)
                mysql_stmt_close(stream->multi[s].statement);
            stream->multi[s] = (mr_sql_multi){0};
        }
    }
}

void mr_sql_close(mr_sql *sql)
{
    if (!sql->client)
        return;
    if (mysql_errno(sql->client) == 0)
        sql->remembered = 0; /* it ends in order */
    mr_sql_drop_statements(sql);
    mysql_close(sql->client);
    sql->client = NULL;
    sql->sent_count = sql->answered = 0;
}

void mr_sql_free(mr_sql *sql)
{
    mr_sql_close(sql);
    mysql_thread_end();
}

bool mr_sql_connected(const mr_sql *sql)
{
    return sql->client != NULL;
}

uint64_t mr_sql_packet_bytes(const mr_sql *sql)
{
    return sql->client ? sql->packet_bytes : 0;
}

/* ---- connecting ---- */

/* The password as it is now; its one trailing newline does not belong to it. */
static mr_sql_result read_password(const mr_shard *shard, char text[PASSWORD_MAX])
{
    if (!shard->password_file[0]) {
        snprintf(text, PASSWORD_MAX, "%s", shard->password);
        return (mr_sql_result){.db_class = MR_DB_OK};
    }
    int fd = open(shard->password_file, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, PASSWORD_MAX - 1);
    int failed = errno;
    if (fd >= 0)
        close(fd);
    if (got < 0)
        return mr_sql_trouble(MR_DB_SHARD_FATAL,
                              "password_file %s: %s: check that the secret is mounted and readable",
                              shard->password_file, strerror(failed));
    if (got > 0 && text[got - 1] == '\n')
        got--;
    text[got] = 0;
    return (mr_sql_result){.db_class = MR_DB_OK};
}

static void set_tls(MYSQL *client, const mr_shard *shard)
{
    my_bool yes = 1, no = 0;
    if (shard->tls_mode == MR_TLS_DISABLED) {
        mysql_optionsv(client, MYSQL_OPT_SSL_ENFORCE, &no);
        mysql_optionsv(client, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &no);
        return;
    }
    mysql_ssl_set(client, shard->tls_key_file[0] ? shard->tls_key_file : NULL,
                  shard->tls_cert_file[0] ? shard->tls_cert_file : NULL,
                  shard->tls_ca_file[0] ? shard->tls_ca_file : NULL, NULL, NULL);
    /* Only this one fails closed; whether the name is looked at as well is the library's part of it. */
    mysql_optionsv(client, MYSQL_OPT_SSL_ENFORCE, &yes);
    mysql_optionsv(client, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
}

mr_sql_result mr_sql_open(mr_sql *sql)
{
    const mr_shard *shard = sql->shard;
    char password[PASSWORD_MAX];
    unsigned no = 0;
    mr_sql_result result = read_password(shard, password);
    if (result.db_class != MR_DB_OK)
        return result;
    sql->client = mysql_init(NULL);
    if (!sql->client)
        return mr_sql_memory_ended(sizeof *sql->client);
    mysql_optionsv(sql->client, MYSQL_OPT_CONNECT_TIMEOUT, &shard->connect_timeout_s);
    mysql_optionsv(sql->client, MYSQL_OPT_READ_TIMEOUT, &shard->read_timeout_s);
    mysql_optionsv(sql->client, MYSQL_OPT_WRITE_TIMEOUT, &shard->write_timeout_s);
    mysql_optionsv(sql->client, MYSQL_OPT_LOCAL_INFILE, &no);
    mysql_optionsv(sql->client, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (shard->auth_cleartext)
        mysql_optionsv(sql->client, MYSQL_DEFAULT_AUTH, "mysql_clear_password");
    set_tls(sql->client, shard);
    bool local = shard->socket[0];
    /* Otherwise the library takes "localhost" for the default socket, whatever the port. */
    unsigned protocol = local ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    mysql_optionsv(sql->client, MYSQL_OPT_PROTOCOL, &protocol);
    bool well = mysql_real_connect(sql->client, local ? "localhost" : shard->host, shard->user, password,
                                   shard->database, local ? 0 : shard->port, local ? shard->socket : NULL, 0);
    memset(password, 0, sizeof password);
    if (!well)
        result = mr_sql_result_of(sql->client, NULL, MR_DB_AT_CONNECT);
    else if (shard->tls_mode != MR_TLS_DISABLED && !mysql_get_ssl_cipher(sql->client))
        result = mr_sql_trouble(
            MR_DB_SHARD_FATAL,
            "the connection is not encrypted although tls.mode asks for it: see that the server offers TLS");
    if (result.db_class != MR_DB_OK)
        mr_sql_close(sql);
    return result;
}

static mr_sql_result choose_dialect(mr_sql *sql)
{
    unsigned long extended = 0;
    /* By capability, not by version text: proxies lie. */
    mariadb_get_infov(sql->client, MARIADB_CONNECTION_EXTENDED_SERVER_CAPABILITIES, &extended);
    bool bulk = extended & (MARIADB_CLIENT_STMT_BULK_OPERATIONS >> 32);
    sql->bulk = bulk && sql->shard->dialect != MR_DIALECT_MYSQL;
    sql->mariadb = extended != 0 || sql->shard->dialect == MR_DIALECT_MARIADB;
    if (sql->shard->dialect == MR_DIALECT_MYSQL)
        sql->mariadb = extended != 0; /* the SQL that the server understands, written row by row */
    if (sql->shard->dialect == MR_DIALECT_MARIADB && !bulk)
        return mr_sql_trouble(
            MR_DB_SHARD_FATAL,
            "dialect \"mariadb\" is asked for, but the server offers no bulk execution: use \"auto\"");
    return (mr_sql_result){.db_class = MR_DB_OK};
}

static mr_sql_result set_session(mr_sql *sql)
{
    static const char *const statements[] = {
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
        "SET NAMES utf8mb4",
        "SET SESSION time_zone = '+00:00'",
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SET SESSION innodb_lock_wait_timeout = 10",
        "SET SESSION wait_timeout = 60",
        "SET SESSION autocommit = 0",
    };
    enum { STATEMENTS = sizeof statements / sizeof statements[0] };
    _Static_assert(STATEMENTS + 3 == MR_SQL_QUESTIONS, "beside these: KILL, the packet limit, ROLLBACK");
    mr_sql_result result = {.db_class = MR_DB_OK};
    for (size_t i = 0; i < STATEMENTS && result.db_class == MR_DB_OK; i++)
        result = mr_sql_run(sql, statements[i], MR_DB_AT_CONNECT);
    return result;
}

static mr_sql_result read_packet_limit(mr_sql *sql)
{
    mr_sql_result result = mr_sql_run(sql, "SELECT @@max_allowed_packet", MR_DB_AT_CONNECT);
    if (result.db_class != MR_DB_OK)
        return result;
    MYSQL_RES *rows = mysql_store_result(sql->client);
    MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;
    uint64_t limit = row && row[0] ? strtoull(row[0], NULL, 10) : 1 << 20;
    mysql_free_result(rows);
    sql->packet_bytes = limit > 1 << 17 ? limit - (1 << 16) : limit / 2;
    return result;
}

/* A connection that broke within a transaction keeps its row locks on the server, in the replay's way. */
static void kill_remembered(mr_sql *sql)
{
    char text[64];
    unsigned long id = sql->remembered;
    sql->remembered = 0;
    /* A server that was started again counts anew: the id can be this connection's own. */
    if (!id || id == mysql_thread_id(sql->client))
        return;
    snprintf(text, sizeof text, "KILL %lu", id);
    mr_sql_run(sql, text, MR_DB_AT_CONNECT); /* it may be gone already */
}

static mr_sql_result compare_tables(mr_sql *sql)
{
    mr_sql_result result = {.db_class = MR_DB_OK};
    for (size_t i = 0; i < sql->config->stream_count && result.db_class == MR_DB_OK; i++) {
        mr_table table;
        mr_findings findings = {.survives = true};
        const mr_stream *stream = &sql->config->streams[i];
        result = mr_sql_describe(sql, stream, &table);
        if (result.db_class != MR_DB_OK)
            break;
        mr_schema_compare(stream, &table, stream->table, &findings);
        if (findings.lost > 0)
            result = mr_sql_memory_ended(findings.lost);
        for (size_t f = 0; f < findings.count && result.db_class == MR_DB_OK; f++)
            if (findings.at[f].level == MR_LEVEL_ERROR)
                result = mr_sql_trouble(MR_DB_SHARD_FATAL, "%s: %s: %s", findings.at[f].where,
                                        findings.at[f].what, findings.at[f].remedy);
        mr_findings_free(&findings);
        mr_table_free(&table);
    }
    return result;
}

mr_sql_result mr_sql_begin_session(mr_sql *sql)
{
    mr_sql_result result = choose_dialect(sql);
    if (result.db_class == MR_DB_OK)
        result = set_session(sql);
    if (result.db_class == MR_DB_OK)
        result = read_packet_limit(sql);
    return result;
}

mr_sql_result mr_sql_connect(mr_sql *sql)
{
    must(!sql->client);
    mr_sql_result result = mr_sql_open(sql);
    if (result.db_class != MR_DB_OK)
        return result;
    kill_remembered(sql);
    result = mr_sql_begin_session(sql);
    if (result.db_class == MR_DB_OK)
        result = compare_tables(sql);
    if (result.db_class == MR_DB_OK)
        result = mr_sql_prepare(sql);
    if (result.db_class == MR_DB_OK)
        result = mr_sql_run(sql, "ROLLBACK", MR_DB_AT_CONNECT); /* the questions began a transaction */
    if (result.db_class != MR_DB_OK)
        mr_sql_close(sql);
    else
        sql->remembered = mysql_thread_id(sql->client);
    return result;
}

/* ---- transactions ---- */

mr_sql_result mr_sql_commit(mr_sql *sql)
{
    if (mysql_commit(sql->client))
        return mr_sql_result_of(sql->client, NULL, MR_DB_AT_COMMIT);
    return (mr_sql_result){.db_class = MR_DB_OK};
}

/* A statement keeps its last error: the server has lost it, or asks for it to be prepared again. */
static bool is_stale(MYSQL_STMT *statement)
{
    return statement &&
           mr_db_classify(mysql_stmt_errno(statement), MR_DB_AT_STATEMENT, NULL) == MR_DB_STATEMENT;
}

static bool any_stale(const mr_sql *sql)
{
    for (size_t i = 0; i < sql->config->stream_count; i++) {
        if (is_stale(sql->streams[i].bulk))
            return true;
        for (size_t s = 0; s < MR_SQL_SIZES; s++)
            if (is_stale(sql->streams[i].multi[s].statement))
                return true;
    }
    return false;
}

mr_sql_result mr_sql_rollback(mr_sql *sql)
{
    if (mysql_rollback(sql->client))
        return mr_sql_result_of(sql->client, NULL, MR_DB_AT_STATEMENT);
    if (!any_stale(sql))
        return (mr_sql_result){.db_class = MR_DB_OK};
    mr_sql_drop_statements(sql);
    return mr_sql_prepare(sql);
}
