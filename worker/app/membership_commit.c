/* Commits: one published snapshot of a partition, its offset and its parked ranges together. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "membership_private.h"
#include "stages/snapshot.h"

/* Most partitions have nothing parked and need some 60 bytes; those for which there is no room go with the next commit. */
size_t mr_membership_texts_bytes(uint32_t partitions)
{
    return (size_t)partitions * 128 + 8 * (MR_METADATA_MAX + 1);
}

static bool add(mr_membership *m, mr_owned *one, const mr_slot_snapshot *now, bool clean,
                const mr_slot_range *ranges, size_t *count)
{
    const mr_config *config = m->flow->config;
    mr_snapshot snapshot = {.offset = now->lowest, .fingerprint = m->fingerprint, .clean = clean};
    char *text = m->texts + m->texts_used;
    if (*count == 0)
        text = m->texts;
    if (text + MR_METADATA_MAX + 1 > m->texts + mr_membership_texts_bytes(m->room))
        return false;
    for (uint32_t shard = 0; shard < config->shard_count; shard++)
        if (ranges[shard].to > ranges[shard].from)
            snapshot.entry[snapshot.entry_count++] =
                (mr_snapshot_entry){.shard = mr_shard_hash(config->shards[shard].name),
                                    .from = ranges[shard].from,
                                    .to = ranges[shard].to};
    size_t len = mr_snapshot_format(&snapshot, text, MR_METADATA_MAX + 1);
    one->sent = now->lowest;
    one->sent_clean = clean;
    one->sent_ranges = now->ranges_version;
    one->sent_life = one->life;
    m->due[(*count)++] = (mr_partition){.topic = one->slot->topic,
                                        .partition = one->slot->partition,
                                        .start = now->lowest,
                                        .metadata = text,
                                        .metadata_len = len};
    m->texts_used = (size_t)(text - m->texts) + len + 1;
    return true;
}

bool mr_commit_add_beginning(mr_membership *m, mr_owned *one, size_t *count)
{
    mr_slot_snapshot first = {.lowest = one->slot->start};
    return add(m, one, &first, false, one->slot->start_ranges, count);
}

/* Clean is said only when nothing more is taken: otherwise rows could become durable above the offset right after. */
bool mr_commit_add_due(mr_membership *m, mr_owned *one, size_t *count)
{
    if (!one->used)
        return true;
    mr_slot_snapshot now = mr_slot_read(one->slot, m->ranges);
    if (now.epoch == 0)
        return true;
    bool clean = !now.accepting && now.quiet && now.position >= one->dirty_until;
    if (now.lowest == one->committed && clean == one->committed_clean &&
        now.ranges_version == one->committed_ranges)
        return true;
    must(now.lowest >= one->committed);
    return add(m, one, &now, clean, m->ranges, count);
}

void mr_commit_send(mr_membership *m, size_t count, uint32_t wait_ms)
{
    mr_group_commit(m->group, m->due, count, wait_ms);
}

void mr_membership_commit(mr_membership *m)
{
    size_t count = 0;
    mr_owner_here(&m->owner);
    if (mr_group_committing(m->group))
        return;
    /* Beginning elsewhere each time, so that nobody is left out for want of room. */
    uint32_t first = m->commit_from < m->room ? m->commit_from : 0;
    for (uint32_t i = 0; i < m->room; i++) {
        uint32_t at = (first + i) % m->room;
        m->commit_from = at;
        if (!mr_commit_add_due(m, &m->all[at], &count))
            break;
    }
    mr_commit_send(m, count, 0);
}

void mr_commit_answered(void *context, const mr_partition *partitions, size_t count, const char *why)
{
    mr_membership *m = context;
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        mr_owned *one = mr_membership_find(m, partitions[i].topic, partitions[i].partition);
        failed += partitions[i].failed;
        /* An answer to an earlier life of the partition says nothing of this one. */
        if (!one || partitions[i].failed || one->sent_life != one->life || one->sent != partitions[i].start)
            continue;
        one->committed = one->sent;
        one->committed_clean = one->sent_clean;
        one->committed_ranges = one->sent_ranges;
        one->last_commit_wall_ms = mr_clock_wall_ms();
        one->sent_life = 0;
    }
    if (failed > 0 || *why) {
        mr_metric_add(m->flow->metrics, MR_M_COMMIT_ERRORS, 0, 0, 1);
        mr_log(MR_LOG_WARN, "commit_failed", NULL, "%zu of %zu offsets were not committed: %s", failed, count,
               why);
    }
}
