#include "stages/offsets.h"

#include <string.h>

#include "base/buf.h"
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

bool mr_offsets_next(const mr_offsets_mark *mark, size_t *at, mr_snapshot_entry *entry)
{
    const char *next = mark->entries + *at, *end = mark->entries + mark->entries_len;
    bool well = next < end && mr_snapshot_next_entry(&next, end, entry) == MR_MARK_OURS;
    *at = (size_t)(next - mark->entries);
    return well;
}

const char *mr_offsets_shard(const mr_config *config, uint32_t hash)
{
    int shard = mr_snapshot_shard(config, hash);
    return shard < 0 ? NULL : config->shards[shard].name;
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

static mr_mark entries_mark(const char *at, const char *end)
{
    mr_mark all = MR_MARK_OURS;
    while (at < end && all != MR_MARK_NEWER) {
        mr_snapshot_entry entry;
        mr_mark one = mr_snapshot_next_entry(&at, end, &entry);
        all = one == MR_MARK_OURS ? all : one;
    }
    return all;
}

mr_offsets_mark mr_offsets_read(const char *metadata, size_t len, int64_t committed, uint64_t fingerprint)
{
    mr_offsets_mark mark = {.state = MR_OFFSETS_NONE, .committed = committed, .entries = ""};
    mr_snapshot snapshot;
    if (committed < 0)
        return mark;
    size_t head = head_of(metadata, len);
    mr_mark read = mr_snapshot_parse(metadata, head, committed, &snapshot);
    if (read == MR_MARK_OURS)
        read = entries_mark(metadata + head, metadata + len);
    if (read != MR_MARK_OURS) {
        mark.state = read == MR_MARK_FOREIGN ? MR_OFFSETS_FOREIGN
                     : read == MR_MARK_NEWER ? MR_OFFSETS_NEWER
                                             : MR_OFFSETS_BROKEN;
        return mark;
    }
    mark.entries = metadata + head;
    mark.entries_len = len - head;
    mark.state = MR_OFFSETS_CLEAN;
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

static bool covered(const mr_offsets_mark *by, const mr_snapshot_entry *entry, int64_t to)
{
    mr_snapshot_entry one;
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
    mr_snapshot_entry entry;
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
    mr_snapshot_entry entry;
    for (size_t at = 0, was = 0; mr_offsets_next(now, &at, &entry); was = at)
        if (entry.from < to) {
            size_t comma = at < now->entries_len; /* the last one has none */
            mr_buf_text(text, text->len ? "," : "");
            mr_buf_put(text, now->entries + was, at - comma - was);
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
        return mr_read_digits(text, len, INT64_MAX, &to->value) && (*text != '0' || len == 1);
    mr_time time;
    to->kind = MR_OFFSETS_TO_TIME;
    if (mr_to_datetime(text, len, NULL, true, &time))
        return false;
    to->value = mr_time_ms(&time);
    return to->value >= 0;
}
