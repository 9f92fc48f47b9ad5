#include "stages/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/must.h"

/* ---- fingerprint ---- */

/* With its closing zero, so that no two lists of texts read alike. */
static uint64_t add_text(uint64_t state, const char *text)
{
    return mr_fnv1a64_more(state, text, strlen(text) + 1);
}

static uint64_t add_number(uint64_t state, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, number);
    return add_text(state, text);
}

/* The ranges as they came out, not as they were written: an even split and the same slots spelled out are one map. */
static uint64_t add_slots(uint64_t state, const mr_config *config, uint32_t shard)
{
    uint32_t slot = 0;
    while (slot < config->slots) {
        if (config->slot_shard[slot] != shard) {
            slot++;
            continue;
        }
        state = add_number(state, slot);
        while (slot < config->slots && config->slot_shard[slot] == shard)
            slot++;
        state = add_number(state, slot - 1);
    }
    return add_text(state, "");
}

/* Visits 0..count-1 by name: the next one after `last` (NULL: the first); count: no more. Names are distinct. */
static size_t next_by_name(const char *const *names, size_t count, const char *last)
{
    size_t best = count;
    for (size_t i = 0; i < count; i++)
        if ((!last || strcmp(names[i], last) > 0) && (best == count || strcmp(names[i], names[best]) < 0))
            best = i;
    return best;
}

static uint64_t add_shards(uint64_t state, const mr_config *config)
{
    const char *names[MR_SHARDS_MAX];
    must(config->shard_count <= MR_SHARDS_MAX);
    for (size_t i = 0; i < config->shard_count; i++)
        names[i] = config->shards[i].name;
    const char *last = NULL;
    for (size_t at; (at = next_by_name(names, config->shard_count, last)) < config->shard_count;
         last = names[at])
        state = add_slots(add_text(state, names[at]), config, (uint32_t)at);
    return state;
}

static uint64_t add_sources(uint64_t state, const mr_sources *sources)
{
    state = add_number(state, sources->count);
    for (size_t i = 0; i < sources->count; i++)
        state = add_text(state, sources->at[i].text);
    return state;
}

static uint64_t add_stream(uint64_t state, const mr_stream *stream, bool with_topics)
{
    /* Which events the rules are for, in any order.  A single stream takes all there are: it may be given another topic. */
    uint64_t topics = 0;
    for (size_t i = 0; with_topics && i < stream->topic_count; i++)
        topics += add_text(MR_FNV64_BASIS, stream->topics[i]);
    state = add_number(add_text(state, "stream"), topics);
    state = add_sources(state, &stream->key);
    state = add_number(state, (uint64_t)stream->key_missing);
    if (stream->id_ksuid)
        return add_text(add_text(state, "ksuid"), stream->id_namespace);
    state = add_number(add_text(state, "columns"), stream->id_column_count);
    for (size_t i = 0; i < stream->id_column_count; i++) {
        const mr_column *column = &stream->columns[stream->id_columns[i]];
        state = add_sources(add_text(state, column->name), &column->from);
        state = add_number(state, (uint64_t)column->type);
    }
    return state;
}

uint64_t mr_fingerprint(const mr_config *config)
{
    const char *names[MR_STREAMS_MAX];
    uint64_t state = add_text(MR_FNV64_BASIS, MR_RULES_HASH);
    state = add_number(state, MR_RULES_DECODER);
    state = add_number(state, config->slots);
    state = add_shards(state, config);
    must(config->stream_count <= MR_STREAMS_MAX);
    for (size_t i = 0; i < config->stream_count; i++)
        names[i] = config->streams[i].name;
    const char *last = NULL;
    for (size_t at; (at = next_by_name(names, config->stream_count, last)) < config->stream_count;
         last = names[at])
        state = add_stream(state, &config->streams[at], config->stream_count > 1);
    return state;
}

/* ---- metadata ---- */

size_t mr_snapshot_format(const mr_snapshot *snapshot, char *text, size_t cap)
{
    int len = snprintf(text, cap, "mr1.%016" PRIx64 ".%s.%" PRId64 ".", snapshot->fingerprint,
                       snapshot->clean ? "clean" : "dirty", snapshot->offset);
    must(len > 0 && (size_t)len < cap);
    return (size_t)len;
}

typedef struct reader {
    const char *at, *end;
} reader;

static bool read_word(reader *from, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(from->end - from->at) < len || memcmp(from->at, word, len) != 0)
        return false;
    from->at += len;
    return true;
}

static bool read_hex(reader *from, uint64_t *value)
{
    *value = 0;
    for (int i = 0; i < 16; i++) {
        if (from->at == from->end)
            return false;
        char c = *from->at++;
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        *value = *value << 4 | (uint64_t)digit;
    }
    return true;
}

/* Decimal, as it is written: without sign or leading zeros. */
static bool read_offset(reader *from, int64_t *value)
{
    const char *start = from->at;
    *value = 0;
    for (; from->at < from->end && *from->at >= '0' && *from->at <= '9'; from->at++) {
        int digit = *from->at - '0';
        if (*value > (INT64_MAX - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    return from->at > start && (*start != '0' || from->at == start + 1);
}

/* The number between "mr" and the first dot: 0 when there is none. */
static uint32_t read_version(reader *from)
{
    uint32_t version = 0;
    if (!read_word(from, "mr") || from->at == from->end || *from->at < '1' || *from->at > '9')
        return 0;
    for (; from->at < from->end && *from->at >= '0' && *from->at <= '9'; from->at++)
        version = version < 1000 ? version * 10 + (uint32_t)(*from->at - '0') : version;
    return read_word(from, ".") ? version : 0;
}

mr_mark mr_snapshot_parse(const char *metadata, size_t len, int64_t committed, mr_snapshot *snapshot)
{
    reader from = {.at = metadata, .end = metadata + len};
    *snapshot = (mr_snapshot){.offset = committed};
    uint32_t version = len > 0 ? read_version(&from) : 0;
    if (version == 0)
        return MR_MARK_FOREIGN;
    if (version > 1)
        return MR_MARK_NEWER;
    mr_snapshot said = {.offset = 0};
    if (!read_hex(&from, &said.fingerprint) || !read_word(&from, "."))
        return MR_MARK_BROKEN;
    said.clean = read_word(&from, "clean");
    if ((!said.clean && !read_word(&from, "dirty")) || !read_word(&from, ".") ||
        !read_offset(&from, &said.offset) || !read_word(&from, ".") || said.offset != committed)
        return MR_MARK_BROKEN;
    if (from.at < from.end)
        return MR_MARK_NEWER;
    *snapshot = said;
    return MR_MARK_OURS;
}

/* ---- takeover ---- */

mr_takeover mr_takeover_decide(mr_mark mark, const mr_snapshot *snapshot, uint64_t fingerprint,
                               bool foreign_accept, const char **why)
{
    *why = "";
    switch (mark) {
    case MR_MARK_OURS:
        if (snapshot->fingerprint == fingerprint || snapshot->clean)
            return MR_TAKEOVER_GO_ON;
        *why = "the offset was committed under another slot map, key or identity, and rows beyond it may be "
               "written: run the "
               "worker with the configuration it had until it has stopped cleanly, then with this one";
        return MR_TAKEOVER_HOLD;
    case MR_MARK_FOREIGN:
        if (foreign_accept)
            return MR_TAKEOVER_GO_ON;
        *why = "the committed offset does not carry millrace's mark, so another tool has set it: if reading "
               "on from it is "
               "right, set kafka.foreign_offsets to \"accept\"";
        return MR_TAKEOVER_HOLD;
    case MR_MARK_NEWER:
        *why = "the offset was committed by a newer release, in a form that this one does not know: run the "
               "newer release";
        return MR_TAKEOVER_HOLD;
    case MR_MARK_BROKEN:
        break;
    }
    *why = "the metadata of the committed offset is damaged or belongs to another offset: set the group's "
           "offset anew with "
           "Kafka's tools, and kafka.foreign_offsets to \"accept\"";
    return MR_TAKEOVER_HOLD;
}
