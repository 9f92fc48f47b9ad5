/* What `millrace check` says about a shard. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql_private.h"
#include "stages/decode.h"

typedef struct checking {
    mr_sql *sql;
    const char *where;
    mr_findings *findings;
} checking;

static void trouble(const checking *c, const mr_sql_result *result)
{
    static const unsigned denied[] = {1044, 1045, 1130, 1142, 1143, 1698, 3118, 4151, 1862, 1820};
    mr_status status = result->db_class == MR_DB_CONNECTION || result->db_class == MR_DB_AMBIGUOUS ||
                               result->db_class == MR_DB_RESOURCE
                           ? MR_UNAVAILABLE
                           : MR_CONFIG;
    for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++)
        if (result->code == denied[i])
            status = MR_DENIED;
    if (result->code == 0) { /* not the server's: it says what to do */
        mr_find(c->findings, MR_LEVEL_ERROR, status, c->where, "", "%s", result->text);
        return;
    }
    mr_find(c->findings, MR_LEVEL_ERROR, status, c->where,
            status == MR_UNAVAILABLE ? "check that the server runs and can be reached from here"
            : status == MR_DENIED    ? "check user, password and grants (SELECT, INSERT, UPDATE)"
                                     : "check the shard's configuration",
            "%s (%u)", result->text, result->code);
}

/* One variable of the server as text; false when it has none of that name. */
static bool variable(const checking *c, const char *name, char *value, size_t cap)
{
    char text[128];
    snprintf(text, sizeof text, "SELECT @@%s", name);
    if (mr_sql_run(c->sql, text, MR_DB_AT_CONNECT).db_class != MR_DB_OK)
        return false;
    MYSQL_RES *rows = mysql_store_result(c->sql->client);
    MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;
    snprintf(value, cap, "%s", row && row[0] ? row[0] : "");
    mysql_free_result(rows);
    return true;
}

static void check_durability(const checking *c)
{
    char value[256];
    if (variable(c, "global.innodb_flush_log_at_trx_commit", value, sizeof value) && strcmp(value, "1") != 0)
        mr_find(c->findings, MR_LEVEL_WARNING, MR_CONFIG, c->where, "set it to 1",
                "innodb_flush_log_at_trx_commit is %s: a crash of the server can lose committed rows", value);
    if (variable(c, "global.log_bin", value, sizeof value) && strcmp(value, "1") == 0 &&
        variable(c, "global.sync_binlog", value, sizeof value) && strcmp(value, "1") != 0)
        mr_find(c->findings, MR_LEVEL_WARNING, MR_CONFIG, c->where, "set it to 1",
                "sync_binlog is %s: a crash of the server can lose committed rows on its replicas", value);
    if (variable(c, "global.read_only", value, sizeof value) && strcmp(value, "0") != 0)
        mr_find(c->findings, MR_LEVEL_ERROR, MR_UNAVAILABLE, c->where, "name the primary",
                "the server is read-only");
}

static void check_limits(const checking *c)
{
    char value[256];
    if (!variable(c, "max_allowed_packet", value, sizeof value))
        return;
    uint64_t limit = strtoull(value, NULL, 10);
    if (limit < c->sql->config->batch.max_bytes)
        mr_find(c->findings, MR_LEVEL_WARNING, MR_CONFIG, c->where, "raise it for larger statements",
                "max_allowed_packet is %llu bytes, below batch.max_bytes: statements are kept smaller",
                (unsigned long long)limit);
    for (size_t i = 0; i < c->sql->config->stream_count; i++)
        if (c->sql->layouts[i].size + 1024u > limit)
            mr_find(c->findings, MR_LEVEL_ERROR, MR_CONFIG, c->where,
                    "raise it, or lower max_bytes of the columns",
                    "max_allowed_packet is %llu bytes, but a row of stream %s may take %u",
                    (unsigned long long)limit, c->sql->config->streams[i].name, c->sql->layouts[i].size);
}

/* What the session asked for, as the server has taken it: a proxy may have swallowed it. */
static void check_strict(const checking *c)
{
    char value[512];
    if (variable(c, "session.sql_mode", value, sizeof value) && !strstr(value, "STRICT_ALL_TABLES"))
        mr_find(c->findings, MR_LEVEL_ERROR, MR_CONFIG, c->where, "connect without what stands between",
                "the session's sql_mode is not strict although it was set: values would be cut");
    else
        mr_find(c->findings, MR_LEVEL_OK, MR_OK, c->where, "", "strict sql_mode, %s",
                c->sql->bulk ? "array binding" : "multi-row INSERT");
}

/* Preparing the statements asks for every privilege that they need. */
static void check_privileges(const checking *c)
{
    mr_sql_result result = mr_sql_prepare(c->sql);
    if (result.db_class != MR_DB_OK)
        trouble(c, &result);
    else
        mr_find(c->findings, MR_LEVEL_OK, MR_OK, c->where, "", "the user may write");
}

static void check_tables(const checking *c)
{
    for (size_t i = 0; i < c->sql->config->stream_count; i++) {
        const mr_stream *stream = &c->sql->config->streams[i];
        mr_table table;
        char where[512];
        snprintf(where, sizeof where, "%s, table %s", c->where, stream->table);
        mr_sql_result result = mr_sql_describe(c->sql, stream, &table);
        if (result.db_class != MR_DB_OK) {
            trouble(c, &result);
            return;
        }
        size_t before = c->findings->count;
        mr_schema_compare(stream, &table, where, c->findings);
        if (c->findings->count == before)
            mr_find(c->findings, MR_LEVEL_OK, MR_OK, where, "", "fits stream %s", stream->name);
        mr_table_free(&table);
    }
}

void mr_sql_check(const mr_config *config, uint32_t shard, mr_findings *findings)
{
    char where[300];
    snprintf(where, sizeof where, "shard %s", config->shards[shard].name);
    mr_arena *arena = mr_arena_new();
    mr_layout *layouts = mr_arena_take(arena, "layouts", config->stream_count, sizeof *layouts);
    for (size_t i = 0; i < config->stream_count; i++)
        mr_stream_layout(&config->streams[i], &layouts[i]);
    checking c = {.sql = mr_sql_new(config, shard, layouts, arena), .where = where, .findings = findings};
    mr_sql_result result = mr_sql_open(c.sql);
    if (result.db_class != MR_DB_OK) {
        trouble(&c, &result);
    } else {
        const char *cipher = mysql_get_ssl_cipher(c.sql->client);
        mr_find(findings, MR_LEVEL_OK, MR_OK, where, "", "logged in to %s, %s%s",
                mysql_get_server_info(c.sql->client), cipher ? "encrypted with " : "not encrypted",
                cipher ? cipher : "");
        result = mr_sql_begin_session(c.sql);
        if (result.db_class != MR_DB_OK) {
            trouble(&c, &result);
        } else {
            size_t errors = mr_findings_errors(findings);
            check_strict(&c);
            check_durability(&c);
            check_limits(&c);
            check_tables(&c);
            if (mr_findings_errors(findings) == errors)
                check_privileges(&c);
        }
    }
    mr_sql_free(c.sql);
    mr_arena_free(arena);
}
