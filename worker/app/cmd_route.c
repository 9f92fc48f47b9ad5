/* route, locate */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

#include "app/command.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/ksuid.h"
#include "base/must.h"
#include "base/text.h"
#include "stages/route.h"
#include "stages/schema.h"

extern char **environ;

static void put_json(json_t *list, bool json)
{
    if (json)
        mr_print_json(list);
    else
        json_decref(list);
}

/* ---- keys: the arguments, or the lines of stdin ---- */

typedef struct route_key {
    const char *text; /* as it came: the key itself, or its hex digits */
    size_t len;
    size_t bytes; /* of the key */
    uint64_t hash;
} route_key;

typedef struct keys {
    const mr_call *call;
    bool from_stdin, hex;
    size_t next; /* argument, or number of lines read */
    mr_line line;
} keys;

static keys keys_of(const mr_call *call)
{
    return (keys){.call = call,
                  .from_stdin = mr_call_option(call, "stdin") != NULL,
                  .hex = mr_call_option(call, "hex") != NULL};
}

static bool hash_hex(route_key *key)
{
    key->hash = MR_FNV64_BASIS;
    key->bytes = key->len / 2;
    for (size_t i = 0; i + 1 < key->len; i += 2) {
        int high = mr_hex_digit(key->text[i]), low = mr_hex_digit(key->text[i + 1]);
        if (high < 0 || low < 0)
            return false;
        unsigned char byte = (unsigned char)(high << 4 | low);
        key->hash = mr_fnv1a64_more(key->hash, &byte, 1);
    }
    return key->len % 2 == 0;
}

/* False at the end, and (with *status) after a complaint. */
static bool next_key(keys *from, route_key *key, mr_status *status)
{
    if (from->from_stdin) {
        if (!mr_next_line(&from->line, status))
            return false;
        key->text = from->line.text;
        key->len = from->line.len;
    } else {
        if (from->next == from->call->count)
            return false;
        key->text = from->call->arguments[from->next];
        key->len = strlen(key->text);
    }
    from->next++;
    key->bytes = key->len;
    key->hash = mr_fnv1a64(key->text, key->len);
    if (from->hex && !hash_hex(key)) {
        *status =
            mr_complain(MR_DATA, "%s %zu is not written in hex digits: leave out --hex, or give HEX(key)",
                        from->from_stdin ? "line" : "key", from->next);
        return false;
    }
    return true;
}

/* ---- route --moved ---- */

static const char *owner(const mr_config *config, uint32_t slot)
{
    return config->shards[config->slot_shard[slot]].name;
}

/* Whether the column holds the source's value as it was hashed: a text, or the digits of a whole number. */
static bool holds(const mr_column *column, const mr_source *source)
{
    if (column->from.count != 1 || strcmp(column->from.at[0].text, source->text) || column->default_json ||
        column->accept_number || column->accept_string || column->on_too_long != MR_TOO_LONG_DLQ)
        return false;
    return column->type == MR_TYPE_STRING ||
           (column->type >= MR_TYPE_INT8 && column->type <= MR_TYPE_UINT64) ||
           (column->type == MR_TYPE_BINARY && source->kind == MR_FROM_KEY);
}

/* The key's bytes by the columns that hold it; false when a path of the key has none: only the paths before it can be told then. */
static bool put_key(const mr_stream *stream, mr_buf *out)
{
    size_t found = 0;
    mr_buf_text(out, "COALESCE(");
    for (; found < stream->key.count; found++) {
        size_t c = 0;
        while (c < stream->column_count && !holds(&stream->columns[c], &stream->key.at[found]))
            c++;
        if (c == stream->column_count)
            break;
        mr_buf_text(out, found ? ", " : "");
        mr_sql_put_name(out, stream->columns[c].name);
    }
    mr_buf_text(out, found ? ")" : "NULL)");
    return found == stream->key.count;
}

static void print_select(const mr_stream *stream)
{
    char key_text[8192], table_text[600];
    mr_buf key = mr_buf_over(key_text, sizeof key_text), table = mr_buf_over(table_text, sizeof table_text);
    bool whole = put_key(stream, &key);
    mr_sql_put_table(&table, stream->table);
    must(!key.full && !table.full);
    printf("\n-- stream %s: the keys of a shard's rows, for `millrace route --stdin --hex`\n"
           "SELECT DISTINCT HEX(CAST(%s AS BINARY)) FROM %s WHERE %s IS NOT NULL;\n",
           stream->name, key_text, table_text, key_text);
    if (!whole || stream->key_missing != MR_KEY_MISSING_DLQ)
        printf("-- %s: these rows show no key, and SQL cannot say where they belong\n"
               "SELECT COUNT(*) FROM %s WHERE %s IS NULL;\n",
               whole ? "events without a key have rows, too"
                     : "not every path of the key has a column that keeps it as it came",
               table_text, key_text);
}

static void print_moves(const mr_config *old, const mr_config *new, json_t *moves, bool json)
{
    uint32_t moved = 0;
    for (uint32_t from = 0, to; from < new->slots; from = to) {
        const char *was = owner(old, from), *is = owner(new, from);
        for (to = from + 1; to < new->slots && !strcmp(owner(old, to), was) && !strcmp(owner(new, to), is);
             to++)
            ;
        if (!strcmp(was, is))
            continue;
        moved += to - from;
        json_array_append_new(moves, json_pack("{s:i, s:i, s:s, s:s}", "from_slot", (int)from, "to_slot",
                                               (int)to - 1, "from_shard", was, "to_shard", is));
        if (!json)
            printf("slots %u-%u: %s -> %s\n", from, to - 1, was, is);
    }
    if (json)
        return;
    printf("%u of %u slots move, %.1f %% of the keys\n", moved, new->slots, 100.0 * moved / new->slots);
    for (size_t s = 0; moved > 0 && s < old->stream_count; s++)
        print_select(&old->streams[s]);
}

static mr_status route_moved(const mr_call *call)
{
    static const char *const others[] = {"stdin", "hex", "expect", "sql"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (mr_call_option(call, others[i]))
            return mr_complain(MR_USAGE, "--%s is about keys: leave it out, or --moved", others[i]);
    if (call->count != 2)
        return mr_complain(MR_USAGE, "name two configurations: millrace route --moved OLD.json NEW.json");
    mr_config *old, *new;
    bool json = mr_call_json(call);
    mr_status status = mr_load_config(call->arguments[0], &old);
    status = mr_status_worse(status, mr_load_config(call->arguments[1], &new));
    if (!status && old->slots != new->slots) {
        status =
            mr_complain(MR_CONFIG, "the number of slots differs (%u, %u): every key would move; keep `slots`",
                        old->slots, new->slots);
    } else if (!status) {
        json_t *moves = json_array();
        print_moves(old, new, moves, json);
        put_json(moves, json);
    }
    mr_config_free(old);
    mr_config_free(new);
    return status;
}

/* ---- route KEY... ---- */

#define INDEXED_MAX      3072 /* the longest key of an InnoDB index */
#define ROWS_A_STATEMENT 1000

typedef struct routing {
    const mr_config *config;
    const char *expected; /* shard; NULL: any */
    bool json, sql, hex;
    json_t *list; /* of the arguments' objects; NULL: one a line */
    size_t elsewhere;
} routing;

/* A row of the list of keys that belong elsewhere. */
static mr_status put_row_sql(const routing *of, const route_key *key, const char *shard)
{
    size_t number = of->elsewhere - 1;
    if (key->bytes > INDEXED_MAX)
        return mr_complain(MR_DATA, "a key of %zu bytes, more than an index takes: leave out --sql",
                           key->bytes);
    fputs(number % ROWS_A_STATEMENT ? ",\n(x'" : "REPLACE INTO `millrace_moved` VALUES\n(x'", stdout);
    for (size_t i = 0; i < key->len; i++) {
        if (of->hex)
            putchar(key->text[i]);
        else
            printf("%02x", (unsigned char)key->text[i]);
    }
    fputs("', x'", stdout); /* in hex nothing has to be escaped */
    for (; *shard; shard++)
        printf("%02x", (unsigned char)*shard);
    fputs(number % ROWS_A_STATEMENT == ROWS_A_STATEMENT - 1 ? "');\n" : "')", stdout);
    return MR_OK;
}

/* Arguments become one array, lines of stdin one object a line. */
static mr_status put_one_json(const routing *of, const route_key *key, const char *hash, uint32_t slot,
                              const char *shard)
{
    json_t *object = json_pack("{s:s%, s:s, s:i, s:s}", "key", key->text, key->len, "hash", hash, "slot",
                               (int)slot, "shard", shard);
    if (!object)
        return mr_complain(MR_DATA, "a key is no UTF-8, which JSON cannot hold: give the keys with --hex");
    if (of->list) {
        json_array_append_new(of->list, object);
        return MR_OK;
    }
    mr_print_json_line(object);
    return MR_OK;
}

static mr_status route_one(routing *of, const route_key *key)
{
    char hash[17];
    uint32_t slot = mr_route_slot(of->config, key->hash);
    const char *shard = owner(of->config, slot);
    if (of->expected && !strcmp(of->expected, shard))
        return MR_OK;
    of->elsewhere++;
    if (of->sql)
        return put_row_sql(of, key, shard);
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)key->hash);
    if (of->json)
        return put_one_json(of, key, hash, slot, shard);
    /* The key may be any bytes. */
    printf("%s %6u %-16s ", hash, slot, shard);
    fwrite(key->text, 1, key->len, stdout);
    putchar('\n');
    return MR_OK;
}

static void put_heading(const routing *of)
{
    /* Should the list break off, the COMMIT is missing. */
    if (of->sql)
        printf(
            "CREATE TABLE IF NOT EXISTS `millrace_moved` (`key` VARBINARY(%d) NOT NULL PRIMARY KEY, `shard` "
            "VARBINARY(255) NOT NULL) ENGINE=InnoDB;\nSTART TRANSACTION;\nDELETE FROM `millrace_moved`;\n",
            INDEXED_MAX);
    else if (!of->json && !of->expected)
        printf("%-16s %6s %-16s %s\n", "hash", "slot", "shard", "key");
}

/* Says how many keys there were: a list of none proves nothing. */
static mr_status judge(const routing *of, size_t count)
{
    if (of->sql) {
        printf("%sCOMMIT;\n", of->elsewhere % ROWS_A_STATEMENT ? ";\n" : "");
        fprintf(stderr, "%zu of %zu keys belong to another shard than %s\n", of->elsewhere, count,
                of->expected);
    } else if (of->elsewhere > 0) {
        return mr_complain(MR_DATA, "%zu of %zu keys belong to another shard than %s", of->elsewhere, count,
                           of->expected);
    } else {
        fprintf(of->json ? stderr : stdout, "%zu key%s, all of shard %s\n", count, count == 1 ? "" : "s",
                of->expected);
    }
    return MR_OK;
}

static mr_status route_keys(const mr_call *call, const mr_config *config)
{
    keys from = keys_of(call);
    routing of = {.config = config,
                  .expected = mr_call_option(call, "expect"),
                  .json = mr_call_json(call),
                  .sql = mr_call_option(call, "sql") != NULL,
                  .hex = from.hex};
    size_t s = 0;
    while (of.expected && s < config->shard_count && strcmp(config->shards[s].name, of.expected))
        s++;
    if (of.expected && s == config->shard_count)
        return mr_complain(MR_USAGE, "--expect %s: the configuration has no such shard", of.expected);
    route_key key;
    mr_status status = MR_OK;
    of.list = of.json && !from.from_stdin ? json_array() : NULL;
    put_heading(&of);
    while (!status && next_key(&from, &key, &status))
        status = route_one(&of, &key);
    put_json(of.list, of.list != NULL);
    free(from.line.text);
    return status || !of.expected ? status : judge(&of, from.next);
}

static mr_status check_usage(const mr_call *call)
{
    bool from_stdin = mr_call_option(call, "stdin") != NULL, sql = mr_call_option(call, "sql") != NULL;
    if (sql && !mr_call_option(call, "expect"))
        return mr_complain(MR_USAGE, "--sql lists what is not in its shard: name that, with --expect SHARD");
    if (sql && mr_call_json(call))
        return mr_complain(MR_USAGE, "choose one of --json and --sql");
    if (from_stdin && call->count > 0)
        return mr_complain(MR_USAGE, "keys come from stdin or from the command line: leave out --stdin or %s",
                           call->arguments[0]);
    if (!from_stdin && call->count == 0)
        return mr_complain(MR_USAGE, "name at least one key: millrace route KEY..., or --stdin");
    return MR_OK;
}

mr_status mr_cmd_route(mr_call *call)
{
    mr_config *config;
    if (mr_call_option(call, "moved"))
        return route_moved(call);
    mr_status status = check_usage(call);
    if (!status)
        status = mr_call_config(call, &config);
    if (status)
        return status;
    status = route_keys(call, config);
    mr_config_free(config);
    return status;
}

/* ---- locate ---- */

static bool read_id(const char *text, unsigned char id[MR_KSUID_BYTES])
{
    if (!strncmp(text, "0x", 2) || !strncmp(text, "0X", 2))
        text += 2;
    if (strlen(text) != 2 * MR_KSUID_BYTES)
        return mr_ksuid_parse(text, id);
    for (int i = 0; i < MR_KSUID_BYTES; i++) {
        int high = mr_hex_digit(text[2 * i]), low = mr_hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        id[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static const char *topic_of(const mr_config *config, uint32_t source)
{
    for (size_t s = 0; config && s < config->stream_count; s++)
        for (size_t t = 0; t < config->streams[s].topic_count; t++) {
            const mr_stream *stream = &config->streams[s];
            if (stream->id_ksuid && stream->topics[t][0] != '^' &&
                mr_ksuid_source(stream->id_namespace, stream->topics[t]) == source)
                return stream->topics[t];
        }
    return NULL;
}

mr_status mr_cmd_locate(mr_call *call)
{
    mr_config *config = NULL;
    mr_findings findings = {0};
    mr_status status = MR_OK;
    bool json = mr_call_json(call);
    json_t *list = json_array();
    if (mr_config_load(call->config_file, environ, &config, &findings))
        config = NULL; /* the topics' names are then not known */
    mr_findings_free(&findings);
    for (size_t i = 0; i < call->count; i++) {
        unsigned char id[MR_KSUID_BYTES];
        char when[32] = "", text[MR_KSUID_TEXT + 1];
        if (!read_id(call->arguments[i], id)) {
            status =
                mr_complain(MR_DATA, "\"%s\" is no KSUID: give 27 characters of 0-9A-Za-z, or 40 hex digits",
                            call->arguments[i]);
            continue;
        }
        mr_ksuid_parts parts = mr_ksuid_take_apart(id);
        const char *topic = topic_of(config, parts.source);
        time_t seconds = (time_t)parts.seconds;
        struct tm tm;
        mr_ksuid_format(id, text);
        if (parts.seconds)
            strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
        if (json)
            json_array_append_new(list,
                                  json_pack("{s:s, s:s?, s:i, s:I, s:s?}", "id", text, "topic", topic,
                                            "partition", (int)parts.partition, "offset",
                                            (json_int_t)parts.offset, "timestamp", *when ? when : NULL));
        else if (topic)
            printf("%s topic %s partition %d offset %lld time %s\n", text, topic, parts.partition,
                   (long long)parts.offset, *when ? when : "unknown");
        else
            printf("%s topic hash %08x partition %d offset %lld time %s\n", text, parts.source,
                   parts.partition, (long long)parts.offset, *when ? when : "unknown");
    }
    put_json(list, json);
    mr_config_free(config);
    return status;
}
