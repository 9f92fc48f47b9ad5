/* Rules across keys. */
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "base/ksuid.h"
#include "stages/config_table.h"
#include "stages/snapshot.h"

static bool is_text(mr_type type)
{
    return type == MR_TYPE_STRING || type == MR_TYPE_JSON || type == MR_TYPE_BINARY;
}

static void check_column(mr_reader *reader, const mr_column *column, const char *path)
{
    char at[MR_CONFIG_PATH];
#define AT(key) mr_config_below(at, path, key)
    if (!column->from.count && !column->value_json)
        mr_config_missing(reader, AT("from"), "say from which path, or give a constant `value`");
    if (column->from.count && column->value_json)
        mr_config_error(reader, AT("value"), true, "keep one of them", "from and value together");
    if (is_text(column->type) && !column->max_bytes)
        mr_config_error(reader, AT("max_bytes"), false, "say how many bytes the longest value has",
                        "is required for %s", mr_type_name(column->type));
    if (!is_text(column->type) && column->max_bytes)
        mr_config_error(reader, AT("max_bytes"), true, "leave it out", "means nothing for %s",
                        mr_type_name(column->type));
    if (column->max_chars && column->type != MR_TYPE_STRING)
        mr_config_error(reader, AT("max_chars"), true, "leave it out", "means nothing for %s",
                        mr_type_name(column->type));
    if (column->type == MR_TYPE_DECIMAL && !column->precision)
        mr_config_error(reader, AT("precision"), false, "such as \"precision\": 12, \"scale\": 2",
                        "precision and scale are required for decimal");
    if (column->type == MR_TYPE_DECIMAL && column->scale > column->precision && column->precision)
        mr_config_error(reader, AT("scale"), false, "at most the precision",
                        "%u digits after the point of %u in all", column->scale, column->precision);
    if (column->type != MR_TYPE_DECIMAL && column->precision)
        mr_config_error(reader, AT("precision"), true, "leave it out", "means nothing for %s",
                        mr_type_name(column->type));
    if (column->unit != MR_UNIT_NONE && column->type != MR_TYPE_DATETIME)
        mr_config_error(reader, AT("unit"), true, "leave it out", "means nothing for %s",
                        mr_type_name(column->type));
    if (column->has_assume_offset && (column->type != MR_TYPE_DATETIME || column->unit != MR_UNIT_NONE))
        mr_config_error(reader, AT("assume_offset"), true, "leave it out",
                        "only for datetimes that are texts");
    if (column->on_too_long != MR_TOO_LONG_DLQ && column->type != MR_TYPE_STRING)
        mr_config_error(reader, AT("on_too_long"), true, "leave it out", "means nothing for %s",
                        mr_type_name(column->type));
    if (column->required && column->default_json)
        mr_config_error(reader, AT("default"), true, "drop one of them", "required and default together");
    if (column->default_json && column->value_json)
        mr_config_error(reader, AT("default"), true, "drop one of them", "value and default together");
#undef AT
}

/* Names in id.columns to indices. */
static void resolve_id(mr_reader *reader, mr_stream *stream, const json_t *object, const char *path)
{
    char at[MR_CONFIG_PATH];
    const json_t *id = json_object_get(object, "id");
    const json_t *names = json_object_get(id, "columns");
    mr_config_below(at, path, "id");
    if (!json_is_object(id)) {
        if (!id)
            mr_config_missing(reader, at,
                              "{ \"column\": \"id\", \"from\": \"ksuid\" }, or { \"columns\": [...] }");
        return;
    }
    if (json_is_array(names) == (stream->id_ksuid || stream->id_column)) {
        mr_config_error(reader, at, false,
                        "{ \"column\": \"id\", \"from\": \"ksuid\" }, or { \"columns\": [...] }",
                        "an identity is a KSUID or columns");
        return;
    }
    if (!json_is_array(names)) {
        if (!stream->id_column || !stream->id_ksuid)
            mr_config_error(reader, at, false, "{ \"column\": \"id\", \"from\": \"ksuid\" }",
                            "a KSUID needs `column` and `from`");
        return;
    }
    stream->id_columns = mr_arena_take(reader->config->texts, "configuration", json_array_size(names) + 1,
                                       sizeof *stream->id_columns);
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        size_t c = 0;
        while (name && c < stream->column_count &&
               (!stream->columns[c].name || strcmp(stream->columns[c].name, name) != 0))
            c++;
        char list[MR_CONFIG_PATH];
        mr_config_item(at, mr_config_below(list, path, "id.columns"), i);
        if (!name || c == stream->column_count) {
            mr_config_error(reader, at, false, "name one of the stream's columns", "there is no such column");
            continue;
        }
        if (!stream->columns[c].required && !stream->columns[c].value_json)
            mr_config_error(reader, at, false, "make the column \"required\": true",
                            "a primary key cannot be null, and %s may be", name);
        stream->id_columns[stream->id_column_count++] = c;
    }
    if (json_array_size(names) == 0)
        mr_config_error(reader, at, false, "name at least one", "the list is empty");
}

static void check_topics(mr_reader *reader, const mr_stream *stream, const char *path)
{
    if (stream->topic_count == 0) {
        char at[MR_CONFIG_PATH];
        mr_config_below(at, path, "topic");
        mr_config_missing(reader, at, "name the topic, or `topics`");
    }
    for (size_t i = 0; i < stream->topic_count; i++) {
        regex_t pattern;
        if (stream->topics[i][0] != '^')
            continue;
        if (regcomp(&pattern, stream->topics[i], REG_EXTENDED | REG_NOSUB))
            mr_config_error(reader, path, false, "a POSIX extended regular expression",
                            "the topic pattern \"%s\" does not compile", stream->topics[i]);
        else
            regfree(&pattern);
    }
}

static void check_stream(mr_reader *reader, size_t i, const json_t *object)
{
    char path[MR_CONFIG_PATH], at[MR_CONFIG_PATH], column[MR_CONFIG_PATH];
    mr_stream *stream = &reader->config->streams[i];
    mr_config_item(path, "streams", i);
    check_topics(reader, stream, path);
    if (stream->key.count == 0) {
        static mr_source by_key = {.kind = MR_FROM_KEY, .text = "@key"};
        stream->key = (mr_sources){.at = &by_key, .count = 1};
    }
    if (!json_object_get(object, "key_missing"))
        stream->key_missing = stream->key.count == 1 && stream->key.at[0].kind == MR_FROM_KEY
                                  ? MR_KEY_MISSING_SPREAD
                                  : MR_KEY_MISSING_DLQ;
    for (size_t c = 0; c < stream->column_count; c++) {
        if (!stream->columns[c].name)
            continue;
        mr_config_item(column, mr_config_below(at, path, "columns"), c);
        check_column(reader, &stream->columns[c], column);
        bool again = stream->id_column && !strcmp(stream->id_column, stream->columns[c].name);
        for (size_t d = 0; d < c && !again; d++)
            again = stream->columns[d].name && !strcmp(stream->columns[d].name, stream->columns[c].name);
        if (again)
            mr_config_error(reader, mr_config_below(at, column, "name"), false,
                            "columns have different names", "\"%s\" is there already",
                            stream->columns[c].name);
    }
    resolve_id(reader, stream, object, path);
    for (size_t j = 0; j < i; j++)
        if (stream->name && reader->config->streams[j].name &&
            !strcmp(stream->name, reader->config->streams[j].name)) {
            mr_config_error(reader, mr_config_below(at, path, "name"), false, "streams have different names",
                            "\"%s\" is there already", stream->name);
        }
}

/* Two topics whose coordinates would make the same KSUIDs in one table; one topic in two streams. */
static void check_sources(mr_reader *reader)
{
    const mr_config *config = reader->config;
    for (size_t a = 0; a < config->stream_count; a++)
        for (size_t b = 0; b <= a; b++)
            for (size_t i = 0; i < config->streams[a].topic_count; i++)
                for (size_t j = 0; j < (a == b ? i : config->streams[b].topic_count); j++) {
                    const mr_stream *one = &config->streams[a], *other = &config->streams[b];
                    char path[64];
                    snprintf(path, sizeof path, "streams[%zu].topic", a);
                    if (!strcmp(one->topics[i], other->topics[j]))
                        mr_config_error(reader, path, false, "one stream per topic",
                                        "the topic \"%s\" is %s's already", one->topics[i],
                                        other->name ? other->name : "another stream");
                    else if (one->id_ksuid && other->id_ksuid && one->table && other->table &&
                             !strcmp(one->table, other->table) &&
                             mr_ksuid_source(one->id_namespace, one->topics[i]) ==
                                 mr_ksuid_source(other->id_namespace, other->topics[j]))
                        mr_config_error(reader, path, false, "give one of them another id.namespace",
                                        "\"%s\" and \"%s\" have the same hash and would share identities",
                                        one->topics[i], other->topics[j]);
                }
}

static void check_shard(mr_reader *reader, size_t i)
{
    char path[MR_CONFIG_PATH], at[MR_CONFIG_PATH];
    mr_shard *shard = &reader->config->shards[i];
    mr_config_item(path, "shards", i);
#define AT(key) mr_config_below(at, path, key)
    if (!shard->name)
        mr_config_missing(reader, AT("name"), "name the shard");
    for (size_t j = 0; shard->name && j < i; j++) {
        const char *other = reader->config->shards[j].name;
        if (!other)
            continue;
        if (!strcmp(shard->name, other))
            mr_config_error(reader, AT("name"), false, "shards have different names",
                            "\"%s\" is there already", shard->name);
        else if (mr_shard_hash(shard->name) == mr_shard_hash(other))
            mr_config_error(reader, AT("name"), false, "give the shard that is new another name",
                            "\"%s\" and \"%s\" have the same hash, by which commits name parked shards",
                            shard->name, other);
    }
    if (!shard->database)
        mr_config_missing(reader, AT("database"), "here or in shard_defaults");
    if (!shard->user)
        mr_config_missing(reader, AT("user"), "here or in shard_defaults");
    if (!shard->host[0] && !shard->socket[0])
        mr_config_missing(reader, AT("host"), "name the server by host or by socket");
    if (shard->host[0] && shard->socket[0])
        mr_config_error(reader, AT("host"), false, "name the server by host or by socket",
                        "host and socket together");
    if (shard->password[0] && shard->password_file[0])
        mr_config_error(reader, AT("password"), false, "keep password_file",
                        "password and password_file together");
    if (shard->tls_mode > MR_TLS_VERIFY_IDENTITY)
        shard->tls_mode = shard->tls_ca_file[0] ? MR_TLS_VERIFY_IDENTITY : MR_TLS_DISABLED;
    if (shard->tls_mode == MR_TLS_DISABLED && (shard->tls_ca_file[0] || shard->tls_cert_file[0]))
        mr_config_error(reader, AT("tls.mode"), false, "verify_identity or verify_ca, or drop the files",
                        "TLS files are given, but TLS is disabled");
    if (shard->auth_cleartext && shard->tls_mode == MR_TLS_DISABLED)
        mr_config_error(reader, AT("auth"), false, "set tls.mode to verify_identity",
                        "cleartext passwords only over verified TLS");
#undef AT
}

/* ---- librdkafka's properties ---- */

/* What the worker owns, because a guarantee rests on it; the last part says what to use instead. */
static const struct {
    const char *name, *instead;
} owned[] = {
    {"bootstrap.servers", "kafka.bootstrap_servers"},
    {"metadata.broker.list", "kafka.bootstrap_servers"},
    {"group.id", "kafka.group_id"},
    {"group.instance.id", "kafka.group_instance_id"},
    {"isolation.level", "kafka.isolation"},
    {"auto.offset.reset", "kafka.start and kafka.out_of_range"},
    {"enable.auto.commit", "nothing: offsets are committed when rows are durable"},
    {"auto.commit.enable", "nothing: offsets are committed when rows are durable"},
    {"auto.commit.interval.ms", "kafka.commit_interval_ms"},
    {"enable.auto.offset.store", "nothing: offsets are committed when rows are durable"},
    {"enable.partition.eof", "nothing: the frontier needs it"},
    {"enable.idempotence", "nothing: dead letters are acknowledged"},
    {"acks", "nothing: dead letters are acknowledged by all replicas"},
    {"request.required.acks", "nothing: dead letters are acknowledged by all replicas"},
    {"message.timeout.ms", "nothing: dead letters are tried for as long as it takes"},
    {"delivery.timeout.ms", "nothing: dead letters are tried for as long as it takes"},
    {"transactional.id", "nothing: dead letters are not transactional"},
    {"queued.max.messages.kbytes", "memory.fetch_mib"},
    {"topic.blacklist", "the topic patterns of the streams"},
    {"group.protocol", "nothing: the classic protocol is used"},
    {"enabled_events", "nothing"},
    {"delivery.report.only.error", "nothing: dead letters are acknowledged"},
    {"check.crcs", "nothing"},
};

static void check_properties(mr_reader *reader, const mr_properties *properties, const char *name)
{
    for (size_t i = 0; i < properties->count; i++) {
        char list[MR_CONFIG_PATH], at[MR_CONFIG_PATH];
        mr_config_below(at, mr_config_below(list, "kafka", name), properties->at[i].name);
        for (size_t j = 0; j < sizeof owned / sizeof owned[0]; j++)
            if (!strcmp(properties->at[i].name, owned[j].name)) {
                char remedy[128];
                snprintf(remedy, sizeof remedy, "use %s", owned[j].instead);
                mr_config_error(reader, at, true, remedy, "the worker owns this property");
            }
    }
}

static void check_kafka(mr_reader *reader)
{
    const mr_kafka_config *kafka = &reader->config->kafka;
    if (!kafka->bootstrap_servers)
        mr_config_missing(reader, "kafka.bootstrap_servers", "name the brokers, host:port");
    if (!kafka->group_id)
        mr_config_missing(reader, "kafka.group_id", "name the consumer group");
    check_properties(reader, &kafka->properties, "properties");
    check_properties(reader, &kafka->consumer_properties, "consumer_properties");
    check_properties(reader, &kafka->producer_properties, "producer_properties");
    check_properties(reader, &kafka->properties_file, "properties_file");
}

static bool is_source(const mr_config *config, const char *name)
{
    for (size_t s = 0; s < config->stream_count; s++)
        for (size_t t = 0; t < config->streams[s].topic_count; t++) {
            const char *topic = config->streams[s].topics[t];
            regex_t compiled;
            bool takes = !strcmp(topic, name);
            if (topic[0] == '^' && !regcomp(&compiled, topic, REG_EXTENDED | REG_NOSUB)) {
                takes = !regexec(&compiled, name, 0, NULL, 0);
                regfree(&compiled);
            }
            if (takes)
                return true;
        }
    return false;
}

/* Is it the dead-letter topic of some source? */
static bool is_dead_letter_topic(const mr_config *config, const char *name)
{
    char source[256];
    const char *place = strstr(config->dlq.topic, "{topic}");
    if (!place)
        return !strcmp(config->dlq.topic, name);
    size_t before = (size_t)(place - config->dlq.topic), after = strlen(place + 7), len = strlen(name);
    if (len <= before + after || len - before - after >= sizeof source ||
        strncmp(name, config->dlq.topic, before) != 0 || strcmp(name + len - after, place + 7) != 0)
        return false;
    memcpy(source, name + before, len - before - after);
    source[len - before - after] = 0;
    return is_source(config, source);
}

/* A topic whose dead letters would go to itself; NULL: none.  Patterns do not take dead-letter topics. */
static const char *own_dead_letters(const mr_config *config)
{
    bool all = !strcmp(config->dlq.topic, "{topic}");
    for (size_t s = 0; s < config->stream_count; s++)
        for (size_t t = 0; t < config->streams[s].topic_count; t++)
            if (all || !strcmp(config->dlq.topic, config->streams[s].topics[t]))
                return config->streams[s].topics[t];
    return NULL;
}

static void check_dead_letters(mr_reader *reader)
{
    const mr_config *config = reader->config;
    const char *replay = config->dlq.replay_topic;
    if (!config->dlq.topic[0])
        mr_config_error(reader, "dlq.topic", false, "such as {topic}.dlq", "must not be empty");
    const char *circle = own_dead_letters(config);
    if (circle)
        mr_config_error(reader, "dlq.topic", false, "such as {topic}.dlq",
                        "the dead letters of \"%s\" would come back as its events", circle);
    if (!replay[0])
        return;
    if (replay[0] == '^')
        mr_config_error(reader, "dlq.replay_topic", false, "name one topic", "is no place for a pattern");
    else if (is_source(config, replay))
        mr_config_error(reader, "dlq.replay_topic", false, "a topic of its own, which only this group reads",
                        "\"%s\" is a topic of a stream, by name or by pattern", replay);
    else if (is_dead_letter_topic(config, replay))
        mr_config_error(reader, "dlq.replay_topic", false, "a topic of its own, which only this group reads",
                        "\"%s\" is a dead-letter topic", replay);
}

/* When no shard takes rows nothing is skipped: reading waits. */
static void check_holds(mr_reader *reader)
{
    const mr_config *config = reader->config;
    for (size_t i = 0; i < config->shard_count; i++)
        if (!config->shards[i].hold)
            return;
    if (config->shard_count > 0)
        mr_config_warning(reader, "shards", "take `hold` from one of them",
                          "all shards are on hold: nothing is read");
}

void mr_config_check_streams(mr_reader *reader, const json_t *root)
{
    mr_config *config = reader->config;
    check_kafka(reader);
    const json_t *streams = json_object_get(root, "streams");
    if (!streams)
        mr_config_missing(reader, "streams", "describe at least one stream");
    for (size_t i = 0; i < config->stream_count; i++)
        check_stream(reader, i, json_array_get(streams, i));
    check_sources(reader);
    if (!json_object_get(root, "shards"))
        mr_config_missing(reader, "shards", "describe at least one shard");
    for (size_t i = 0; i < config->shard_count; i++)
        check_shard(reader, i);
    if (config->retry.backoff_max_ms < config->retry.backoff_min_ms)
        mr_config_error(reader, "retry.backoff_max_ms", false, "at least backoff_min_ms",
                        "below backoff_min_ms");
    if (config->park.probe_max_ms < config->park.probe_min_ms)
        mr_config_error(reader, "park.probe_max_ms", false, "at least probe_min_ms", "below probe_min_ms");
    check_dead_letters(reader);
    check_holds(reader);
}
