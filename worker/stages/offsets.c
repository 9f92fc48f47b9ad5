#include "stages/offsets.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/text.h"
#include "stages/values.h"

const char *mr_offsets_state_name(mr_offsets_state state)
{
    static const char *const names[] = {"none",    "clean", "dirty", "other rules",
                                        "foreign", "newer", "broken"};
    return names[state];
}

const char *mr_offsets_refusal_text(mr_offsets_refusal refusal)
{
    static const char *const texts[] = {
        "",
        "the log does not hold this offset: choose one from its low to its end",
        "parked ranges would be forgotten, and their events would never be written: --drop-parked",
        "what is parked cannot be read from the commit, and would be forgotten: --drop-parked",
        "rows above it may be written by another slot map, key or identity, and would be written twice: run "
        "the worker with the configuration it had until it has stopped cleanly, or --force",
        "this is no commit of this configuration, so its worker may hold the partition: take the "
        "configuration of the export, or --force",
        "the parked ranges do not fit into a commit: let the worker replay them first",
    };
    return texts[refusal];
}

/* ---- entries ---- */

/* Digits up to `stop` or the end; without sign or leading zeros. */
static bool take_number(const char **at, const char *end, char stop, int64_t *value)
{
    const char *start = *at;
    *value = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; ++*at) {
        int digit = **at - '0';
        if (*value > (INT64_MAX - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    if (*at == start || (*start == '0' && *at > start + 1))
        return false;
    if (!stop)
        return *at == end;
    return *at < end && *(*at)++ == stop;
}

/* p:<8 hex digits>:<from> or r:<8 hex digits>:<from>:<to> */
static bool take_entry(const char *at, const char *end, mr_offsets_entry *entry)
{
    entry->text = at;
    entry->len = (size_t)(end - at);
    entry->shard = 0;
    entry->to = MR_OFFSETS_OPEN;
    if (entry->len < 12 || (at[0] != 'p' && at[0] != 'r') || at[1] != ':' || at[10] != ':')
        return false;
    bool open = at[0] == 'p';
    for (int i = 2; i < 10; i++) {
        int digit = mr_hex_digit(at[i]);
        if (digit < 0)
            return false;
        entry->shard = entry->shard << 4 | (uint32_t)digit;
    }
    at += 11;
    return take_number(&at, end, open ? 0 : ':', &entry->from) &&
           (open || (take_number(&at, end, 0, &entry->to) && entry->to > entry->from));
}

/* Where the entry that begins at `at` ends. */
static size_t entry_end(const mr_offsets_mark *mark, size_t at)
{
    const char *comma = memchr(mark->entries + at, ',', mark->entries_len - at);
    return comma ? (size_t)(comma - mark->entries) : mark->entries_len;
}

bool mr_offsets_next(const mr_offsets_mark *mark, size_t *at, mr_offsets_entry *entry)
{
    if (*at >= mark->entries_len)
        return false;
    size_t end = entry_end(mark, *at);
    bool well = take_entry(mark->entries + *at, mark->entries + end, entry);
    *at = end + 1;
    return well;
}

const char *mr_offsets_shard(const mr_config *config, uint32_t hash)
{
    for (size_t i = 0; i < config->shard_count; i++)
        if (mr_fnv1a32(config->shards[i].name, strlen(config->shards[i].name)) == hash)
            return config->shards[i].name;
    return NULL;
}

/* ---- a commit ---- */

/* Length of the metadata before its entries: up to the fourth dot, that included. */
static size_t head_of(const char *metadata, size_t len)
{
    int dots = 0;
    for (size_t i = 0; i < len; i++)
        if (metadata[i] == '.' && ++dots == 4)
            return i + 1;
    return len;
}

/* A kind of entry that this release does not know is a newer one's; a known kind that does not parse is damage. */
static mr_offsets_state entries_state(const mr_offsets_mark *mark)
{
    mr_offsets_state state = MR_OFFSETS_CLEAN;
    size_t at = 0;
    while (at < mark->entries_len) {
        mr_offsets_entry entry;
        size_t end = entry_end(mark, at);
        const char *text = mark->entries + at;
        if (!take_entry(text, mark->entries + end, &entry)) {
            bool known = end - at > 1 && (text[0] == 'p' || text[0] == 'r') && text[1] == ':';
            if (!known && end > at)
                return MR_OFFSETS_NEWER;
            state = MR_OFFSETS_BROKEN;
        }
        if (end + 1 == mark->entries_len) /* ends in a comma */
            state = MR_OFFSETS_BROKEN;
        at = end + 1;
    }
    return state;
}

mr_offsets_mark mr_offsets_read(const char *metadata, size_t len, int64_t committed, uint64_t fingerprint)
{
    mr_offsets_mark mark = {.state = MR_OFFSETS_NONE, .committed = committed, .entries = ""};
    mr_snapshot snapshot;
    if (committed < 0)
        return mark;
    size_t head = head_of(metadata, len);
    switch (mr_snapshot_parse(metadata, head, committed, &snapshot)) {
    case MR_MARK_FOREIGN:
        mark.state = MR_OFFSETS_FOREIGN;
        return mark;
    case MR_MARK_NEWER:
        mark.state = MR_OFFSETS_NEWER;
        return mark;
    case MR_MARK_BROKEN:
        mark.state = MR_OFFSETS_BROKEN;
        return mark;
    case MR_MARK_OURS:
        break;
    }
    mark.entries = metadata + head;
    mark.entries_len = len - head;
    mark.state = entries_state(&mark);
    if (mark.state != MR_OFFSETS_CLEAN) {
        mark.entries_len = 0;
        return mark;
    }
    mark.known = true;
    mark.clean = snapshot.clean;
    mark.fingerprint = snapshot.fingerprint;
    if (mark.fingerprint != fingerprint)
        mark.state = MR_OFFSETS_OTHER;
    else if (!mark.clean)
        mark.state = MR_OFFSETS_DIRTY;
    return mark;
}

/* ---- changes ---- */

static bool covered(const mr_offsets_mark *by, const mr_offsets_entry *entry, int64_t to)
{
    mr_offsets_entry one;
    for (size_t at = 0; mr_offsets_next(by, &at, &one);)
        if (one.shard == entry->shard && one.from <= entry->from && (one.to >= entry->to || one.to >= to))
            return true;
    return false;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Counts what becomes of the present entries when the partition goes on at `to` with the entries of `then`. */
static void count_entries(const mr_offsets_mark *now, const mr_offsets_mark *then, mr_offsets_change *change)
{
    mr_offsets_entry entry;
    for (size_t at = 0; mr_offsets_next(now, &at, &entry);) {
        if (entry.from >= change->to) {
            change->reread++;
        } else if (then->fingerprint != now->fingerprint || !covered(then, &entry, change->to)) {
            change->dropped++;
            /* Beyond the committed offset nothing was parked yet: that is skipped. */
            int64_t end = least(entry.to, least(change->to, change->from));
            change->forgotten += end > entry.from ? end - entry.from : 0;
        }
    }
    for (size_t at = 0; mr_offsets_next(then, &at, &entry);)
        change->kept++;
}

/* Whether nothing can be durable at or above `to`. */
static bool is_clean(const mr_offsets_place *place, const mr_offsets_mark *now, int64_t to)
{
    return to >= place->end || (now->known && now->clean && now->committed <= to);
}

static void begin(const mr_offsets_place *place, int64_t to, mr_offsets_change *change)
{
    *change = (mr_offsets_change){.from = place->committed < 0 ? -1 : place->committed, .to = to};
    if (change->from >= 0) {
        change->again = to < change->from ? change->from - to : 0;
        change->skipped =
            to > change->from ? to - (change->from > place->low ? change->from : place->low) : 0;
        change->skipped = change->skipped < 0 ? 0 : change->skipped;
    }
}

/* The promises.  `then` is what the new commit says of entries and rules. */
static mr_offsets_refusal judge(const mr_offsets_place *place, const mr_offsets_mark *now,
                                const mr_offsets_mark *then, mr_offsets_allowed allowed,
                                const mr_offsets_change *change)
{
    if (change->to < place->low || change->to > place->end)
        return MR_OFFSETS_RANGE;
    if ((now->state == MR_OFFSETS_NEWER || now->state == MR_OFFSETS_BROKEN) && !allowed.drop_parked)
        return MR_OFFSETS_UNKNOWN;
    if (change->dropped > 0 && !allowed.drop_parked)
        return MR_OFFSETS_PARKED;
    if (now->known && now->fingerprint != then->fingerprint && !is_clean(place, now, change->to) &&
        !allowed.force)
        return MR_OFFSETS_RULES;
    return MR_OFFSETS_ALLOWED;
}

static bool put_head(const mr_offsets_mark *then, int64_t to, bool clean, mr_offsets_change *change)
{
    mr_snapshot snapshot = {.offset = to, .fingerprint = then->fingerprint, .clean = clean};
    change->len = mr_snapshot_format(&snapshot, change->metadata, sizeof change->metadata);
    mr_buf buf = mr_buf_over(change->metadata + change->len, sizeof change->metadata - change->len);
    mr_buf_put(&buf, then->entries, then->entries_len);
    change->len += buf.len;
    return !buf.full;
}

static bool is_same(const mr_offsets_place *place, const mr_offsets_change *change)
{
    return place->committed == change->to && place->len == change->len &&
           !memcmp(place->metadata, change->metadata, change->len);
}

/* The present entries that begin below `to`, as they are written. */
static void keep_entries(const mr_offsets_mark *now, int64_t to, mr_buf *text)
{
    mr_offsets_entry entry;
    for (size_t at = 0; mr_offsets_next(now, &at, &entry);)
        if (entry.from < to) {
            mr_buf_text(text, text->len ? "," : "");
            mr_buf_put(text, entry.text, entry.len);
        }
}

void mr_offsets_reset(const mr_offsets_place *place, int64_t to, uint64_t fingerprint,
                      mr_offsets_allowed allowed, mr_offsets_change *change)
{
    char kept[MR_METADATA_MAX + 1];
    mr_buf text = mr_buf_over(kept, sizeof kept);
    mr_offsets_mark now = mr_offsets_read(place->metadata, place->len, place->committed, fingerprint);
    if (now.known && now.fingerprint == fingerprint && !allowed.drop_parked)
        keep_entries(&now, to, &text);
    mr_offsets_mark then = {.fingerprint = fingerprint, .entries = kept, .entries_len = text.len};
    begin(place, to, change);
    bool fits = put_head(&then, to, is_clean(place, &now, to), change);
    change->same = is_same(place, change);
    count_entries(&now, &then, change);
    change->refusal = judge(place, &now, &then, allowed, change);
    if (!change->refusal && (!fits || text.full))
        change->refusal = MR_OFFSETS_ROOM;
}

void mr_offsets_import(const mr_offsets_place *place, int64_t to, const char *metadata, size_t len,
                       uint64_t fingerprint, mr_offsets_allowed allowed, mr_offsets_change *change)
{
    mr_offsets_mark now = mr_offsets_read(place->metadata, place->len, place->committed, fingerprint);
    mr_offsets_mark then = mr_offsets_read(metadata, len, to, fingerprint);
    begin(place, to, change);
    mr_buf text = mr_buf_over(change->metadata, sizeof change->metadata);
    mr_buf_put(&text, metadata, len);
    change->len = text.len;
    change->same = !text.full && is_same(place, change);
    count_entries(&now, &then, change);
    if (change->same)
        return;
    if (then.known && then.clean && !is_clean(place, &now, to)) {
        change->made_dirty = true;
        put_head(&then, to, false, change); /* `dirty` is as long as `clean` */
    }
    change->refusal = judge(place, &now, &then, allowed, change);
    if (!change->refusal && (!then.known || then.fingerprint != fingerprint) && !allowed.force)
        change->refusal = MR_OFFSETS_STRANGE;
    if (!change->refusal && text.full)
        change->refusal = MR_OFFSETS_ROOM;
}

/* ---- the command line ---- */

bool mr_offsets_to_parse(const char *text, mr_offsets_to *to)
{
    size_t len = strlen(text);
    *to = (mr_offsets_to){.kind = MR_OFFSETS_TO_EARLIEST};
    if (!strcmp(text, "earliest"))
        return true;
    to->kind = MR_OFFSETS_TO_LATEST;
    if (!strcmp(text, "latest"))
        return true;
    to->kind = MR_OFFSETS_TO_OFFSET;
    if (len > 0 && strspn(text, "0123456789") == len)
        return take_number(&text, text + len, 0, &to->value);
    mr_time time;
    to->kind = MR_OFFSETS_TO_TIME;
    if (mr_to_datetime(text, len, NULL, true, &time))
        return false;
    struct tm tm = {.tm_year = (int)time.year - 1900,
                    .tm_mon = (int)time.month - 1,
                    .tm_mday = (int)time.day,
                    .tm_hour = (int)time.hour,
                    .tm_min = (int)time.minute,
                    .tm_sec = (int)time.second};
    to->value = (int64_t)timegm(&tm) * 1000 + (int64_t)time.second_part / 1000;
    return to->value >= 0;
}
