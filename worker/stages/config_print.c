/* The table, printed: the effective configuration as JSON. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/must.h"
#include "stages/config_table.h"

/* ---- the effective configuration ---- */

static uint64_t load_number(const mr_key *key, const void *from)
{
    const char *at = (const char *)from + key->at;
    switch (key->size) {
    case 1:
        return *(const uint8_t *)at;
    case 2:
        return *(const uint16_t *)(const void *)at;
    case 4:
        return *(const uint32_t *)(const void *)at;
    default:
        must(key->size == 8);
        return *(const uint64_t *)(const void *)at;
    }
}

static json_t *choice_at(const mr_key *key, uint64_t value)
{
    if (value < key->least)
        return NULL; /* it was not given */
    const char *at = key->choices;
    for (uint64_t i = key->least; i < value && at; i++)
        at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL;
    return at ? json_stringn(at, strcspn(at, "|")) : NULL;
}

static bool may_hold_secret(const char *name)
{
    return strstr(name, "password") || strstr(name, "secret") || strstr(name, "sasl.jaas") ||
           strstr(name, ".key.pem") || strstr(name, "sasl.oauthbearer.config");
}

static json_t *properties_json(const mr_properties *properties, bool files)
{
    json_t *object = json_object();
    for (size_t i = 0; i < properties->count; i++) {
        const mr_property *one = &properties->at[i];
        bool masked = !files && may_hold_secret(one->name);
        json_object_set_new(object, one->name, json_string(masked ? "***" : one->value));
    }
    return object;
}

static json_t *sources_json(const mr_sources *sources)
{
    if (sources->count == 1)
        return json_string(sources->at[0].text);
    json_t *list = json_array();
    for (size_t i = 0; i < sources->count; i++)
        json_array_append_new(list, json_string(sources->at[i].text));
    return list;
}

static json_t *scope_json(mr_scope scope, const void *from);

static json_t *key_json(const mr_key *key, const void *from)
{
    const char *text;
    switch (key->kind) {
    case MR_KIND_TEXT:
        text = *(const char *const *)(const void *)((const char *)from + key->at);
        if (text && *text && key->flags & MR_KEY_SECRET)
            text = "***";
        return text ? json_string(text) : NULL;
    case MR_KIND_NUMBER:
        /* Without a default, 0 means that it was not given. */
        if (!key->fallback && load_number(key, from) == 0)
            return NULL;
        return json_integer((json_int_t)load_number(key, from));
    case MR_KIND_BOOL:
        return json_boolean(load_number(key, from));
    case MR_KIND_CHOICE:
        return choice_at(key, key->size ? load_number(key, from) : 0);
    case MR_KIND_PROPERTIES:
        return properties_json((const mr_properties *)(const void *)((const char *)from + key->at),
                               !strcmp(key->name, "properties_file"));
    case MR_KIND_OBJECT:
        return scope_json(key->inner, from);
    default:
        return NULL;
    }
}

static json_t *scope_json(mr_scope scope, const void *from)
{
    json_t *object = json_object();
    for (size_t i = 0; i < mr_key_count; i++) {
        json_t *value = mr_keys[i].scope == scope ? key_json(&mr_keys[i], from) : NULL;
        if (value)
            json_object_set_new(object, mr_keys[i].name, value);
    }
    return object;
}

static json_t *column_json(const mr_column *column)
{
    json_t *object = scope_json(MR_SCOPE_COLUMN, column);
    if (column->from.count)
        json_object_set_new(object, "from", sources_json(&column->from));
    if (column->value_json)
        json_object_set_new(object, "value", json_loads(column->value_json, JSON_DECODE_ANY, NULL));
    if (column->default_json)
        json_object_set_new(object, "default", json_loads(column->default_json, JSON_DECODE_ANY, NULL));
    if (column->has_assume_offset) {
        int32_t minutes = abs(column->assume_offset_min);
        json_object_set_new(object, "assume_offset",
                            json_sprintf("%c%02d:%02d", column->assume_offset_min < 0 ? '-' : '+',
                                         minutes / 60, minutes % 60));
    }
    if (column->accept_number || column->accept_string) {
        json_t *accept = json_array();
        if (column->accept_number)
            json_array_append_new(accept, json_string("number"));
        if (column->accept_string)
            json_array_append_new(accept, json_string("string"));
        json_object_set_new(object, "accept", accept);
    }
    if (column->type == MR_TYPE_DECIMAL)
        json_object_set_new(object, "scale", json_integer(column->scale));
    if (column->type != MR_TYPE_STRING)
        json_object_del(object, "on_too_long");
    return object;
}

static json_t *stream_json(const mr_stream *stream)
{
    json_t *object = scope_json(MR_SCOPE_STREAM, stream), *columns = json_array(), *topics = json_array();
    json_t *id = json_object();
    for (size_t i = 0; i < stream->topic_count; i++)
        json_array_append_new(topics, json_string(stream->topics[i]));
    json_object_set_new(object, "topics", topics);
    json_object_set_new(object, "key", sources_json(&stream->key));
    if (stream->id_ksuid) {
        json_object_set_new(id, "column", json_string(stream->id_column));
        json_object_set_new(id, "from", json_string("ksuid"));
        json_object_set_new(id, "namespace", json_string(stream->id_namespace));
    } else {
        json_t *names = json_array();
        for (size_t i = 0; i < stream->id_column_count; i++)
            json_array_append_new(names, json_string(stream->columns[stream->id_columns[i]].name));
        json_object_set_new(id, "columns", names);
    }
    json_object_set_new(object, "id", id);
    for (size_t i = 0; i < stream->column_count; i++)
        json_array_append_new(columns, column_json(&stream->columns[i]));
    json_object_set_new(object, "columns", columns);
    return object;
}

void mr_config_put_slots(const mr_config *config, size_t shard, FILE *out)
{
    const char *between = "";
    for (uint32_t from = 0, to; from < config->slots; from = to) {
        for (to = from + 1; to < config->slots && config->slot_shard[to] == config->slot_shard[from]; to++)
            ;
        if (config->slot_shard[from] != shard)
            continue;
        fprintf(out, to - from > 1 ? "%s%u-%u" : "%s%u", between, from, to - 1);
        between = ",";
    }
}

static json_t *slots_json(const mr_config *config, size_t shard)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    must(out);
    mr_config_put_slots(config, shard, out);
    fclose(out);
    json_t *made = json_string(text);
    free(text);
    return made;
}

void mr_config_print(const mr_config *config, FILE *out)
{
    json_t *root = json_object(), *streams = json_array(), *shards = json_array();
    json_t *kafka = scope_json(MR_SCOPE_KAFKA, &config->kafka);
    if (config->kafka.start == MR_START_TIME) {
        char text[32];
        mr_buf buf = mr_buf_over(text, sizeof text);
        mr_buf_time(&buf, config->kafka.start_ms);
        json_object_set_new(kafka, "start", json_string(text));
    } else {
        json_object_set_new(kafka, "start", json_string(mr_start_name(config->kafka.start)));
    }
    json_object_set_new(root, "kafka", kafka);
    for (size_t i = 0; i < config->stream_count; i++)
        json_array_append_new(streams, stream_json(&config->streams[i]));
    json_object_set_new(root, "streams", streams);
    for (size_t i = 0; i < config->shard_count; i++) {
        json_t *shard = scope_json(MR_SCOPE_SHARD, &config->shards[i]);
        json_object_set_new(shard, "slots", slots_json(config, i));
        json_array_append_new(shards, shard);
    }
    json_object_set_new(root, "shards", shards);
    for (size_t i = 0; i < mr_key_count; i++) {
        const mr_key *key = &mr_keys[i];
        if (key->scope != MR_SCOPE_ROOT || key->kind == MR_KIND_LIST || key->inner == MR_SCOPE_SHARD ||
            (key->kind == MR_KIND_OBJECT && key->inner == MR_SCOPE_KAFKA))
            continue;
        json_object_set_new(root, key->name, key_json(key, config));
    }
    json_dumpf(root, out, JSON_INDENT(2));
    fputc('\n', out);
    json_decref(root);
}
