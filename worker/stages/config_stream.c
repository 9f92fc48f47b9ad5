/* What the table cannot read by itself: sources, keys, identities, lists. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "stages/config_table.h"
#include "stages/values.h"

static void *take(mr_reader *reader, size_t count, size_t size)
{
    return mr_arena_take(reader->config->texts, "configuration", count ? count : 1, size);
}

/* ---- sources ---- */

static bool read_steps(mr_reader *reader, mr_source *source, const char *text, const char *path)
{
    size_t dots = 1;
    for (const char *c = text; *c; c++)
        dots += *c == '.';
    source->step = take(reader, dots, sizeof *source->step);
    char step[MR_CONFIG_PATH];
    size_t len = 0;
    for (const char *c = text;; c++) {
        if (*c == '\\' && c[1] == '.') {
            c++;
        } else if (*c == '.' || !*c) {
            if (len == 0) {
                mr_config_error(reader, path, false, "write steps with single dots: properties.total",
                                "the path \"%s\" has an empty step", text);
                return false;
            }
            source->step[source->steps++] = mr_config_keep(reader, step, len);
            len = 0;
            if (!*c)
                return true;
            continue;
        }
        if (len == sizeof step) {
            mr_config_error(reader, path, false, "shorten it", "the path is too long");
            return false;
        }
        step[len++] = *c;
    }
}

static bool read_source(mr_reader *reader, const char *text, const char *path, mr_source *source)
{
    static const struct {
        const char *name;
        mr_source_kind kind;
    } specials[] = {
        {"@key", MR_FROM_KEY},       {"@topic", MR_FROM_TOPIC},         {"@partition", MR_FROM_PARTITION},
        {"@offset", MR_FROM_OFFSET}, {"@timestamp", MR_FROM_TIMESTAMP}, {"@value", MR_FROM_VALUE}};
    *source = (mr_source){.kind = MR_FROM_PATH, .text = text};
    if (text[0] != '@')
        return read_steps(reader, source, text, path);
    for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++)
        if (!strcmp(text, specials[i].name)) {
            source->kind = specials[i].kind;
            return true;
        }
    if (!strncmp(text, "@header.", 8) && text[8]) {
        source->kind = MR_FROM_HEADER;
        source->header = text + 8;
        return true;
    }
    mr_config_error(reader, path, false,
                    "one of @key, @topic, @partition, @offset, @timestamp, @value, @header.NAME",
                    "\"%s\" is no source", text);
    return false;
}

/* A text or a list of texts. */
static size_t read_texts(mr_reader *reader, const json_t *value, const char *path, const char ***texts)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1, kept = 0;
    *texts = take(reader, count, sizeof **texts);
    if (json_is_array(value) && count == 0)
        mr_config_error(reader, path, false, "name at least one", "the list is empty");
    for (size_t i = 0; i < count; i++) {
        char at[MR_CONFIG_PATH];
        const json_t *one = json_is_array(value) ? json_array_get(value, i) : value;
        if (json_is_array(value))
            mr_config_item(at, path, i);
        else
            mr_config_below(at, "", path);
        const char *text = json_is_string(one) ? mr_config_text(reader, one, at) : NULL;
        if (!json_is_string(one))
            mr_config_error(reader, at, false, "write it in quotes", "expected a string");
        else if (text && !*text)
            mr_config_error(reader, at, false, "give it a value", "must not be empty");
        else if (text)
            (*texts)[kept++] = text;
    }
    return kept;
}

static void read_sources(mr_reader *reader, const json_t *value, const char *path, mr_sources *sources)
{
    const char **texts;
    size_t count = read_texts(reader, value, path, &texts);
    sources->at = take(reader, count, sizeof *sources->at);
    for (size_t i = 0; i < count; i++)
        if (read_source(reader, texts[i], path, &sources->at[sources->count]))
            sources->count++;
}

/* ---- specials ---- */

static void read_start(mr_reader *reader, const json_t *value, const char *path)
{
    const char *text = json_is_string(value) ? mr_config_text(reader, value, path) : "";
    if (!text)
        return;
    for (mr_start start = MR_START_EARLIEST; start < MR_START_TIME; start++)
        if (!strcmp(text, mr_start_name(start))) {
            reader->config->kafka.start = start;
            return;
        }
    mr_time time;
    int64_t ms = mr_to_datetime(text, strlen(text), NULL, true, &time) ? -1 : mr_time_ms(&time);
    if (ms < 0) { /* before 1970 Kafka has no times: they would mean other things */
        mr_config_error(reader, path, false,
                        "earliest, latest, error, or a time such as 2026-01-31T00:00:00Z",
                        "\"%s\" is no place to start", text);
        return;
    }
    reader->config->kafka.start = MR_START_TIME;
    reader->config->kafka.start_ms = ms;
}

static void read_constant(mr_reader *reader, const json_t *value, const char *path, const char **into)
{
    json_t *mine = NULL;
    if (json_is_string(value)) {
        const char *text = mr_config_text(reader, value, path);
        mine = text ? json_string(text) : NULL;
    } else {
        mine = json_incref((json_t *)(uintptr_t)value);
    }
    char *dump = mine ? json_dumps(mine, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    if (dump)
        *into = mr_config_keep(reader, dump, strlen(dump));
    free(dump);
    json_decref(mine);
}

static void read_assume_offset(mr_reader *reader, const char *text, const char *path, mr_column *column)
{
    int hours = 0, minutes = 0, used = 0;
    if (!strcmp(text, "Z")) {
        column->has_assume_offset = true;
    } else if ((text[0] == '+' || text[0] == '-') &&
               sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) == 2 && text[1 + used] == 0 &&
               hours <= 18 && minutes < 60) {
        column->has_assume_offset = true;
        column->assume_offset_min = (hours * 60 + minutes) * (text[0] == '-' ? -1 : 1);
    } else {
        mr_config_error(reader, path, false, "write Z or +02:00", "\"%s\" is no offset from UTC", text);
    }
}

static void read_accept(mr_reader *reader, const json_t *value, const char *path, mr_column *column)
{
    const char **texts;
    size_t count = read_texts(reader, value, path, &texts);
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(texts[i], "number"))
            column->accept_number = true;
        else if (!strcmp(texts[i], "string"))
            column->accept_string = true;
        else
            mr_config_error(reader, path, false, "\"number\" and \"string\"", "\"%s\" cannot be accepted",
                            texts[i]);
    }
}

static void read_stream_special(mr_reader *reader, const mr_key *key, const json_t *value, const char *path,
                                mr_stream *stream)
{
    if (!strncmp(key->name, "topic", 5)) {
        if (stream->topic_count)
            mr_config_error(reader, path, true, "keep one of them", "topic and topics together");
        stream->topic_count = read_texts(reader, value, path, &stream->topics);
    } else {
        read_sources(reader, value, path, &stream->key);
    }
}

static void read_id_special(mr_reader *reader, const mr_key *key, const json_t *value, const char *path,
                            mr_stream *stream)
{
    /* `columns` names columns that may stand further down: resolved in config_check.c. */
    if (!strcmp(key->name, "columns")) {
        if (!json_is_array(value))
            mr_config_error(reader, path, false, "[\"message_id\"]", "expected a list of columns");
        return;
    }
    const char *text = json_is_string(value) ? mr_config_text(reader, value, path) : NULL;
    if (!json_is_string(value))
        mr_config_error(reader, path, false, "write it in quotes", "expected a string");
    else if (text && !strcmp(key->name, "column"))
        stream->id_column = text;
    else if (text && strcmp(text, "ksuid") != 0)
        mr_config_error(reader, path, false, "\"ksuid\", or name columns in id.columns",
                        "\"%s\" makes no identity", text);
    else if (text)
        stream->id_ksuid = true;
}

static void read_column_special(mr_reader *reader, const mr_key *key, const json_t *value, const char *path,
                                mr_column *column)
{
    if (!strcmp(key->name, "from")) {
        read_sources(reader, value, path, &column->from);
        return;
    }
    if (!strcmp(key->name, "value") || !strcmp(key->name, "default")) {
        read_constant(reader, value, path, key->name[0] == 'v' ? &column->value_json : &column->default_json);
        return;
    }
    if (!strcmp(key->name, "accept")) {
        read_accept(reader, value, path, column);
        return;
    }
    const char *text = json_is_string(value) ? mr_config_text(reader, value, path) : NULL;
    if (!json_is_string(value))
        mr_config_error(reader, path, false, "write it in quotes", "expected a string");
    else if (text)
        read_assume_offset(reader, text, path, column);
}

/* ---- lists ---- */

static void require(mr_reader *reader, mr_scope scope, const json_t *object, const char *path)
{
    for (size_t i = 0; i < mr_key_count; i++)
        if (mr_keys[i].scope == scope && mr_keys[i].flags & MR_KEY_REQUIRED &&
            !json_object_get(object, mr_keys[i].name)) {
            char at[MR_CONFIG_PATH];
            mr_config_below(at, path, mr_keys[i].name);
            mr_config_missing(reader, at, mr_keys[i].text);
        }
}

typedef struct list {
    size_t count;
    char *at;
} list;

static list read_list(mr_reader *reader, mr_scope scope, const json_t *value, const char *path, size_t size,
                      size_t most, const void *begin)
{
    if (!json_is_array(value) || json_array_size(value) == 0 || json_array_size(value) > most) {
        mr_config_error(reader, path, false, "see `millrace config --reference`",
                        "expected a list of 1 to %zu objects", most);
        return (list){0};
    }
    list made = {.count = json_array_size(value)};
    made.at = take(reader, made.count, size);
    for (size_t i = 0; i < made.count; i++) {
        char at[MR_CONFIG_PATH];
        mr_config_item(at, path, i);
        void *into = made.at + i * size;
        if (begin)
            memcpy(into, begin, size);
        else
            mr_config_defaults(reader, scope, into);
        const json_t *one = json_array_get(value, i);
        if (!json_is_object(one)) {
            mr_config_error(reader, at, false, "write { ... }", "expected an object");
            continue;
        }
        mr_config_read_scope(reader, scope, one, at, into);
        if (scope != MR_SCOPE_SHARD)
            require(reader, scope, one, at);
    }
    return made;
}

void mr_config_read_special(mr_reader *reader, const mr_key *key, const json_t *value, const char *path,
                            void *into)
{
    if (key->kind == MR_KIND_LIST && key->inner == MR_SCOPE_STREAM) {
        list made = read_list(reader, MR_SCOPE_STREAM, value, path, sizeof(mr_stream), MR_STREAMS_MAX, NULL);
        reader->config->streams = (mr_stream *)(void *)made.at;
        reader->config->stream_count = made.count;
    } else if (key->kind == MR_KIND_LIST && key->inner == MR_SCOPE_COLUMN) {
        mr_stream *stream = into;
        list made = read_list(reader, MR_SCOPE_COLUMN, value, path, sizeof(mr_column), 255, NULL);
        stream->columns = (mr_column *)(void *)made.at;
        stream->column_count = made.count;
    } else if (key->kind == MR_KIND_LIST) {
        must(key->inner == MR_SCOPE_SHARD); /* mr_config_read_shards, when the defaults are known */
    } else if (key->scope == MR_SCOPE_KAFKA) {
        read_start(reader, value, path);
    } else if (key->scope == MR_SCOPE_STREAM) {
        read_stream_special(reader, key, value, path, into);
    } else if (key->scope == MR_SCOPE_ID) {
        read_id_special(reader, key, value, path, into);
    } else {
        must(key->scope == MR_SCOPE_COLUMN);
        read_column_special(reader, key, value, path, into);
    }
}

void mr_config_read_shards(mr_reader *reader, const json_t *value)
{
    list made = read_list(reader, MR_SCOPE_SHARD, value, "shards", sizeof(mr_shard), MR_SHARDS_MAX,
                          &reader->shard_defaults);
    reader->config->shards = (mr_shard *)(void *)made.at;
    reader->config->shard_count = made.count;
}
