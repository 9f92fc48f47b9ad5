#include "stages/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
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

/* ---- shards ---- */

uint32_t mr_shard_hash(const char *name)
{
    return mr_fnv1a32(name, strlen(name));
}

int mr_snapshot_shard(const mr_config *config, uint32_t hash)
{
    for (size_t i = 0; i < config->shard_count; i++)
        if (mr_shard_hash(config->shards[i].name) == hash)
            return (int)i;
    return -1;
}

/* ---- metadata, written ---- */

#define DIGITS    19 /* of INT64_MAX */
#define HEAD_MAX  (sizeof "mr1.0123456789abcdef.clean.." - 1 + DIGITS)
#define ENTRY_MAX (sizeof "r:01234567::," - 1 + 2 * DIGITS)
_Static_assert(HEAD_MAX + MR_SHARDS_MAX * ENTRY_MAX <= MR_METADATA_MAX,
               "the broker takes the longest text, that of all shards parked at the largest offsets");

/* The entry with the lowest hash above that of `last` (NULL: of all). */
static const mr_snapshot_entry *next_by_hash(const mr_snapshot *snapshot, const mr_snapshot_entry *last)
{
    const mr_snapshot_entry *best = NULL;
    for (const mr_snapshot_entry *one = snapshot->entry; one < snapshot->entry + snapshot->entry_count; one++)
        if ((!last || one->shard > last->shard) && (!best || one->shard < best->shard))
            best = one;
    return best;
}

static void put_entry(mr_buf *buf, const mr_snapshot_entry *entry)
{
    must(entry->from >= 0 && entry->to > entry->from);
    mr_buf_printf(buf, "%c:%08" PRIx32 ":%" PRId64, entry->to == MR_RANGE_OPEN ? 'p' : 'r', entry->shard,
                  entry->from);
    if (entry->to != MR_RANGE_OPEN)
        mr_buf_printf(buf, ":%" PRId64, entry->to);
}

size_t mr_snapshot_format(const mr_snapshot *snapshot, char *text, size_t cap)
{
    mr_buf buf = mr_buf_over(text, cap);
    must(snapshot->entry_count <= MR_SHARDS_MAX);
    mr_buf_printf(&buf, "mr1.%016" PRIx64 ".%s.%" PRId64 ".", snapshot->fingerprint,
                  snapshot->clean ? "clean" : "dirty", snapshot->offset);
    const mr_snapshot_entry *entry = NULL;
    for (uint32_t written = 0; written < snapshot->entry_count; written++) {
        entry = next_by_hash(snapshot, entry);
        must(entry); /* NULL here: two of one shard */
        mr_buf_text(&buf, written ? "," : "");
        put_entry(&buf, entry);
    }
    must(!buf.full);
    return buf.len;
}

/* ---- metadata, read ---- */

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

static bool read_hex(reader *from, int digits, uint64_t *value)
{
    *value = 0;
    for (int i = 0; i < digits; i++) {
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

/* The entry that `from` is all of.  A range up to MR_RANGE_OPEN is written as one that still grows. */
static mr_mark read_entry(reader from, mr_snapshot_entry *entry)
{
    const char *colon = from.at < from.end ? memchr(from.at, ':', (size_t)(from.end - from.at)) : NULL;
    size_t kind = (size_t)((colon ? colon : from.end) - from.at);
    bool grows = kind == 1 && *from.at == 'p';
    uint64_t shard;
    if (kind == 0)
        return MR_MARK_BROKEN;
    if (!grows && (kind != 1 || *from.at != 'r'))
        return MR_MARK_NEWER;
    from.at += kind;
    if (!read_word(&from, ":") || !read_hex(&from, 8, &shard) || !read_word(&from, ":") ||
        !read_offset(&from, &entry->from))
        return MR_MARK_BROKEN;
    entry->to = MR_RANGE_OPEN;
    if (!grows && (!read_word(&from, ":") || !read_offset(&from, &entry->to) || entry->to == MR_RANGE_OPEN))
        return MR_MARK_BROKEN;
    entry->shard = (uint32_t)shard;
    return from.at == from.end && entry->to > entry->from ? MR_MARK_OURS : MR_MARK_BROKEN;
}

mr_mark mr_snapshot_next_entry(const char **at, const char *end, mr_snapshot_entry *entry)
{
    must(*at < end);
    mr_snapshot_entry said = {.shard = 0};
    const char *comma = memchr(*at, ',', (size_t)(end - *at));
    mr_mark mark = read_entry((reader){.at = *at, .end = comma ? comma : end}, &said);
    *at = comma ? comma + 1 : end;
    if (comma && *at == end && mark == MR_MARK_OURS) /* a comma with nothing behind it */
        mark = MR_MARK_BROKEN;
    *entry = mark == MR_MARK_OURS ? said : (mr_snapshot_entry){.shard = 0};
    return mark;
}

static bool add_entry(mr_snapshot *snapshot, const mr_snapshot_entry *entry)
{
    for (uint32_t i = 0; i < snapshot->entry_count; i++)
        if (snapshot->entry[i].shard == entry->shard)
            return false;
    if (snapshot->entry_count == MR_SHARDS_MAX)
        return false;
    snapshot->entry[snapshot->entry_count++] = *entry;
    return true;
}

/* To the end also when one is broken: a release that adds a kind may have changed the others as well. */
static mr_mark read_entries(reader from, mr_snapshot *snapshot)
{
    mr_mark all = MR_MARK_OURS;
    while (from.at < from.end) {
        mr_snapshot_entry entry;
        mr_mark mark = mr_snapshot_next_entry(&from.at, from.end, &entry);
        if (mark == MR_MARK_NEWER)
            return MR_MARK_NEWER;
        if (mark == MR_MARK_BROKEN || !add_entry(snapshot, &entry))
            all = MR_MARK_BROKEN;
    }
    return all;
}

static mr_mark read_all(reader from, int64_t committed, mr_snapshot *snapshot)
{
    uint32_t version = from.at < from.end ? read_version(&from) : 0;
    if (version == 0)
        return MR_MARK_FOREIGN;
    if (version > 1)
        return MR_MARK_NEWER;
    if (!read_hex(&from, 16, &snapshot->fingerprint) || !read_word(&from, "."))
        return MR_MARK_BROKEN;
    snapshot->clean = read_word(&from, "clean");
    if ((!snapshot->clean && !read_word(&from, "dirty")) || !read_word(&from, ".") ||
        !read_offset(&from, &snapshot->offset) || !read_word(&from, ".") || snapshot->offset != committed)
        return MR_MARK_BROKEN;
    return read_entries(from, snapshot);
}

mr_mark mr_snapshot_parse(const char *metadata, size_t len, int64_t committed, mr_snapshot *snapshot)
{
    *snapshot = (mr_snapshot){.offset = committed};
    mr_mark mark =
        read_all((reader){.at = metadata, .end = len ? metadata + len : metadata}, committed, snapshot);
    if (mark != MR_MARK_OURS)
        *snapshot = (mr_snapshot){.offset = committed};
    return mark;
}

/* ---- takeover ---- */

static bool knows_shards(const mr_config *config, const mr_snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->entry_count; i++)
        if (mr_snapshot_shard(config, snapshot->entry[i].shard) < 0)
            return false;
    return true;
}

/* Of a commit that is OURS. "": go on. */
static const char *objection(const mr_snapshot *snapshot, const mr_config *config, uint64_t fingerprint)
{
    if (snapshot->fingerprint == fingerprint)
        return knows_shards(config, snapshot)
                   ? ""
                   : "the metadata of the committed offset is damaged, it names a parked shard that its own "
                     "configuration does not have: look with `millrace offsets show`, and set the offset to "
                     "where that range begins with `millrace offsets reset`";
    if (snapshot->entry_count > 0)
        return "shards are parked below the committed offset under another slot map, key or identity: run "
               "the worker with the configuration it had until they are replayed and it has stopped "
               "cleanly, then with this one";
    if (!snapshot->clean)
        return "the offset was committed under another slot map, key or identity, and rows beyond it may be "
               "written: run the "
               "worker with the configuration it had until it has stopped cleanly, then with this one";
    return "";
}

mr_takeover mr_takeover_decide(mr_mark mark, const mr_snapshot *snapshot, const mr_config *config,
                               uint64_t fingerprint, const char **why)
{
    *why = "";
    switch (mark) {
    case MR_MARK_OURS:
        *why = objection(snapshot, config, fingerprint);
        return **why ? MR_TAKEOVER_HOLD : MR_TAKEOVER_GO_ON;
    case MR_MARK_FOREIGN:
        if (config->kafka.foreign_offsets_accept)
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
    *why = "the metadata of the committed offset is damaged or belongs to another offset: look with "
           "`millrace offsets show`, and set it anew with `millrace offsets reset`";
    return MR_TAKEOVER_HOLD;
}
