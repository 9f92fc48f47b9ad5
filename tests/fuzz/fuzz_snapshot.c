/* Commit metadata from anywhere: never a crash; what is taken for ours is written again with the same meaning and, but for the order
 * of its entries, byte for byte; `millrace offsets` reads the same commit. */
#include <stdint.h>
#include <string.h>

#include "base/must.h"
#include "stages/offsets.h"
#include "stages/snapshot.h"

#define HEAD     "mr1.0000000000000001.clean."
#define HEAD_LEN (sizeof HEAD - 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const mr_snapshot_entry *a, const mr_snapshot_entry *b)
{
    return a->shard == b->shard && a->from == b->from && a->to == b->to;
}

static const mr_snapshot_entry *find(const mr_snapshot *snapshot, uint32_t shard)
{
    for (uint32_t i = 0; i < snapshot->entry_count; i++)
        if (snapshot->entry[i].shard == shard)
            return &snapshot->entry[i];
    return NULL;
}

/* Written again it says the same, by ascending hash; and written once more it is the same text. */
static void check_ours(const char *text, size_t size, const mr_snapshot *snapshot)
{
    char again[MR_METADATA_MAX + 1], once_more[MR_METADATA_MAX + 1];
    mr_snapshot reread;
    bool ordered = true;
    size_t len = mr_snapshot_format(snapshot, again, sizeof again);
    must(len == size && mr_snapshot_parse(again, len, snapshot->offset, &reread) == MR_MARK_OURS);
    must(reread.offset == snapshot->offset && reread.fingerprint == snapshot->fingerprint &&
         reread.clean == snapshot->clean && reread.entry_count == snapshot->entry_count);
    for (uint32_t i = 0; i < snapshot->entry_count; i++) {
        const mr_snapshot_entry *one = find(&reread, snapshot->entry[i].shard);
        must(one && same(one, &snapshot->entry[i]));
        must(one->from >= 0 && one->to > one->from);
        must(i == 0 || reread.entry[i].shard > reread.entry[i - 1].shard);
        ordered = ordered && (i == 0 || snapshot->entry[i].shard > snapshot->entry[i - 1].shard);
    }
    must(!ordered || memcmp(again, text, size) == 0);
    must(mr_snapshot_format(&reread, once_more, sizeof once_more) == len && !memcmp(again, once_more, len));
}

/* The command is milder in one thing only: several ranges of one shard. */
static void check_command(const char *text, size_t size, int64_t committed, mr_mark mark,
                          const mr_snapshot *snapshot)
{
    mr_offsets_mark read = mr_offsets_read(text, size, committed, 1);
    must(mark != MR_MARK_OURS || (read.known && read.clean == snapshot->clean));
    must((mark == MR_MARK_FOREIGN) == (read.state == MR_OFFSETS_FOREIGN));
    must((mark == MR_MARK_NEWER) == (read.state == MR_OFFSETS_NEWER));
    must(read.state != MR_OFFSETS_BROKEN || mark == MR_MARK_BROKEN);
    mr_snapshot_entry entry;
    uint32_t count = 0;
    for (size_t at = 0; mr_offsets_next(&read, &at, &entry); count++)
        must(mark != MR_MARK_OURS || same(&entry, &snapshot->entry[count]));
    must(mark != MR_MARK_OURS || count == snapshot->entry_count);
}

static void check(const char *text, size_t size)
{
    int64_t committed = 0;
    /* The offset that came with it: the one inside where it can be found, so that the fuzzer gets past that check. */
    for (size_t i = HEAD_LEN; i < size && text[i] >= '0' && text[i] <= '9' && committed < INT64_MAX / 10 - 9;
         i++)
        committed = committed * 10 + (text[i] - '0');
    mr_snapshot snapshot;
    mr_mark mark = mr_snapshot_parse(text, size, committed, &snapshot);
    must(snapshot.offset == committed);
    if (mark == MR_MARK_OURS)
        check_ours(text, size, &snapshot);
    else
        must(!snapshot.clean && snapshot.fingerprint == 0 && snapshot.entry_count == 0);
    check_command(text, size, committed, mark, &snapshot);
    mr_shard shard = {.name = "s0"};
    mr_config config = {.shards = &shard, .shard_count = 1};
    const char *why;
    mr_takeover takeover = mr_takeover_decide(mark, &snapshot, &config, 1, &why);
    must((takeover == MR_TAKEOVER_HOLD) == (*why != 0));
    must(takeover == MR_TAKEOVER_HOLD || mark == MR_MARK_OURS);
    must(takeover == MR_TAKEOVER_HOLD || snapshot.entry_count == 0 ||
         (snapshot.fingerprint == 1 && find(&snapshot, mr_shard_hash("s0")) && snapshot.entry_count == 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[HEAD_LEN + 2 * MR_METADATA_MAX] = HEAD;
    check((const char *)data, size);
    /* And as what follows a good head: its offset and its entries. */
    if (size > 2 * MR_METADATA_MAX)
        return 0;
    memcpy(text + HEAD_LEN, data, size);
    check(text, HEAD_LEN + size);
    return 0;
}
