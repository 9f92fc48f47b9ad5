/* route, locate */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/command.h"
#include "base/hash.h"
#include "base/ksuid.h"
#include "base/text.h"
#include "stages/route.h"

extern char **environ;

static void put_json(json_t *list, bool json)
{
    if (json) {
        json_dumpf(list, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    json_decref(list);
}

/* ---- route --moved ---- */

static mr_config *load(const char *file)
{
    mr_findings findings = {0};
    mr_config *config;
    mr_status status = mr_config_load(file, environ, &config, &findings);
    mr_print_findings(&findings, stderr, false);
    mr_findings_free(&findings);
    return status ? NULL : config;
}

static const char *owner(const mr_config *config, uint32_t slot)
{
    return config->shards[config->slot_shard[slot]].name;
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
    for (size_t s = 0; moved > 0 && s < old->stream_count; s++) {
        const mr_stream *stream = &old->streams[s];
        printf("\n-- stream %s: run on each old shard; pipe the keys to `millrace route --json` with the new "
               "file to see\n"
               "-- which rows have moved (SQL has no FNV-1a)\n",
               stream->name);
        for (size_t c = 0; c < stream->column_count; c++)
            for (size_t k = 0; k < stream->key.count; k++)
                if (stream->columns[c].from.count == 1 &&
                    !strcmp(stream->columns[c].from.at[0].text, stream->key.at[k].text))
                    printf("SELECT DISTINCT `%s` FROM %s WHERE `%s` IS NOT NULL;\n", stream->columns[c].name,
                           stream->table, stream->columns[c].name);
    }
}

static mr_status route_moved(const char *old_file, const char *new_file, bool json)
{
    mr_config *old = load(old_file), *new = load(new_file);
    mr_status status = MR_CONFIG;
    if (old && new && old->slots != new->slots) {
        mr_complain(MR_CONFIG, "the number of slots differs (%u, %u): every key would move; keep `slots`",
                    old->slots, new->slots);
    } else if (old && new) {
        json_t *moves = json_array();
        print_moves(old, new, moves, json);
        put_json(moves, json);
        status = MR_OK;
    }
    mr_config_free(old);
    mr_config_free(new);
    return status;
}

mr_status mr_cmd_route(mr_call *call)
{
    mr_config *config;
    bool json = mr_call_json(call);
    if (mr_call_option(call, "moved")) {
        if (call->count != 2)
            return mr_complain(MR_USAGE, "name two configurations: millrace route --moved OLD.json NEW.json");
        return route_moved(call->arguments[0], call->arguments[1], json);
    }
    if (call->count == 0)
        return mr_complain(MR_USAGE, "name at least one key: millrace route KEY...");
    mr_status status = mr_call_config(call, &config);
    if (status)
        return status;
    json_t *list = json_array();
    if (!json)
        printf("%-16s %6s %-16s %s\n", "hash", "slot", "shard", "key");
    for (size_t i = 0; i < call->count; i++) {
        const char *key = call->arguments[i];
        uint64_t hash = mr_fnv1a64(key, strlen(key));
        const char *shard = config->shards[mr_route_shard(config, hash)].name;
        char text[17];
        snprintf(text, sizeof text, "%016llx", (unsigned long long)hash);
        if (json)
            json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:s}", "key", key, "hash", text, "slot",
                                                  (int)mr_route_slot(config, hash), "shard", shard));
        else
            printf("%s %6u %-16s %s\n", text, mr_route_slot(config, hash), shard, key);
    }
    put_json(list, json);
    mr_config_free(config);
    return MR_OK;
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
